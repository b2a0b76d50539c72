"""Checks on claims 1, 2, 5, 6 and 7: what is learnt, from which term, and how far."""

from __future__ import annotations

import math

from harness.checks.checks import Check, Figures, Severity


def _share_of_alignment(read: Figures) -> float:
    enhanced, alignment = (read[f"loss.gradient.{term}.retriever"] for term in ("enhanced", "alignment"))
    return alignment / (alignment + enhanced) if alignment + enhanced > 0 else math.nan


CHECKS: tuple[Check, ...] = (
    Check(
        code="FTR101",
        claim="kl",
        title="The teacher says nothing",
        severity=Severity.HIGH,
        reads=("kl.p_rec_entropy",),
        issue=lambda read: read["kl.p_rec_entropy"] > 0.99,
        condition="The entropy of P_rec is more than 99% of the largest possible.",
        detected="P_rec has {kl_p_rec_entropy:.4f} of the largest entropy; above .99 it is as good as uniform.",
        why="The alignment can then only flatten the retrieval distribution; it cannot tell good neighbours from bad.",
        reduce=("wiring.likelihood_teacher", "kl.weight"),
    ),
    Check(
        code="FTR102",
        claim="kl",
        title="The retriever learns from the alignment term alone",
        severity=Severity.HIGH,
        reads=("loss.gradient.enhanced.retriever", "loss.gradient.alignment.retriever"),
        issue=lambda read: None if math.isnan(_share_of_alignment(read)) else _share_of_alignment(read) > 0.95,
        condition=(
            "Of what alignment and enhanced loss together have as gradient norm at the retriever, the alignment "
            "has more than 95%. Not applicable where neither has a gradient."
        ),
        detected=(
            "Of the retriever's gradient norm {loss_gradient_alignment_retriever:.4g} comes from the alignment and "
            "{loss_gradient_enhanced_retriever:.4g} from the enhanced loss."
        ),
        why="What the alignment asks is all that the retriever can become; the recommendation does not reach it.",
        reduce=("wiring.retriever_attention", "wiring.live_keys"),
    ),
    Check(
        code="FTR103",
        claim="kl",
        title="The knowledge repeats what the backbone favours",
        severity=Severity.MEDIUM,
        reads=("kl.imitation",),
        issue=lambda read: read["kl.imitation"] > 0.5,
        condition=("More than half of the ten items that the knowledge favours are among the backbone's own ten."),
        detected="{kl_imitation:.0%} of the ten items that the knowledge favours are among the backbone's own ten.",
        why="Mixing in what is there already cannot change a ranking.",
        reduce=("search.diverse", "kl.reverse"),
    ),
    Check(
        code="FTR104",
        claim="kl",
        title="Training has made retrieval worse",
        severity=Severity.HIGH,
        reads=("training.hit_rate_start", "training.hit_rate", "training.hit_rate_error"),
        issue=lambda read: (
            None
            if read["training.hit_rate_start"] == 0.0
            else read["training.hit_rate_start"] - read["training.hit_rate"]
            > max(0.2 * read["training.hit_rate_start"], 2.0 * read["training.hit_rate_error"])
        ),
        condition=(
            "At the last epoch fewer valid queries have a neighbour that leads to their target than before training: "
            "by over a fifth, and by over two standard errors of the difference. Not applicable where none had one."
        ),
        detected=(
            "Before training {training_hit_rate_start:.1%} of the valid queries had a neighbour that leads to their "
            "target, at the last epoch {training_hit_rate:.1%} (standard error of the difference "
            "{training_hit_rate_error:.1%})."
        ),
        why=(
            "What trains the retriever does not ask for useful neighbours: an alignment to a teacher without "
            "preferences is lowest where all neighbours are equally far."
        ),
        reduce=("wiring.likelihood_teacher", "scope.hard_negatives", "retriever.regularised", "kl.weight"),
    ),
    Check(
        code="FTR201",
        claim="training",
        title="The recommendation losses train nothing",
        severity=Severity.HIGH,
        reads=("loss.gradient.enhanced.retriever", "loss.gradient.recommendation.retriever", "loss.weight.enhanced"),
        issue=lambda read: (
            None
            if read["loss.weight.enhanced"] == 0.0
            else read["loss.gradient.enhanced.retriever"] == 0.0 == read["loss.gradient.recommendation.retriever"]
        ),
        condition=(
            "Neither the enhanced loss nor CE(s) has a gradient at the retriever. Not applicable where the "
            "enhanced loss has no weight."
        ),
        detected=(
            "The gradient of CE(enhanced) at the retriever is {loss_gradient_enhanced_retriever:.4g}, that of CE(s) "
            "{loss_gradient_recommendation_retriever:.4g}."
        ),
        why="Weights, conditions and ramps of these losses change the log and nothing else.",
        reduce=("wiring.retriever_attention", "wiring.live_keys", "training.unfreeze"),
    ),
    Check(
        code="FTR202",
        claim="training",
        title="Valid was still rising at the last epoch",
        severity=Severity.MEDIUM,
        reads=("training.best_epoch_is_last", "training.last_slope", "training.valid"),
        issue=lambda read: (
            read["training.best_epoch_is_last"] == 1.0 and read["training.last_slope"] > 0.01 * read["training.valid"]
        ),
        condition=(
            "The last epoch is the best of the run, and its rise over the one before is more than 1% of the figure."
        ),
        detected=(
            "The last epoch changed the valid figure by {training_last_slope:+.5f} to {training_valid:.4f}; whether it "
            "was the best: {training_best_epoch_is_last:.0f}."
        ),
        why="The run was cut short: what it would have come to is not known. Give the study more epochs.",
        reduce=(),
    ),
    Check(
        code="FTR203",
        claim="training",
        title="Training has harmed the backbone",
        severity=Severity.MEDIUM,
        reads=("evaluation.valid_off", "evaluation.first_off", "retriever.backbone_drift"),
        issue=lambda read: (
            None
            if read["retriever.backbone_drift"] < 1e-6
            else read["evaluation.valid_off"] < 0.99 * read["evaluation.first_off"]
        ),
        condition=(
            "Without retrieval the valid figure is more than 1% below that before training. Not applicable where "
            "the backbone has not moved."
        ),
        detected=(
            "Without retrieval valid is at {evaluation_valid_off:.4f}, before training it was at "
            "{evaluation_first_off:.4f}."
        ),
        why="What retrieval adds has first to make up for what the backbone has unlearnt.",
        reduce=("training.discriminative_lr", "training.unfreeze"),
    ),
    Check(
        code="FTR501",
        claim="loss",
        title="Two terms pull in opposite directions",
        severity=Severity.MEDIUM,
        reads=("loss.cosine.enhanced.alignment",),
        issue=lambda read: read["loss.cosine.enhanced.alignment"] < -0.1,
        condition=("The gradients of the two terms have a cosine below -.1. Not applicable where one of them is 0."),
        detected="Gradients of CE(enhanced) and alignment have a cosine of {loss_cosine_enhanced_alignment:.2f}.",
        why="A step that helps one term then harms the other, and their weights decide which.",
        reduce=("loss.pareto", "kl.weight", "loss.ramp"),
    ),
    Check(
        code="FTR502",
        claim="loss",
        title="One term rules the retriever",
        severity=Severity.MEDIUM,
        reads=("loss.share.enhanced.retriever", "loss.share.alignment.retriever"),
        issue=lambda read: None if min(read.values()) == 0.0 else max(read.values()) > 0.95,
        condition=(
            "Both terms reach the retriever, and one supplies more than 95% of the gradient norms. Not applicable "
            "where one has no path."
        ),
        detected=(
            "Of the gradient norms at the retriever CE(enhanced) supplies {loss_share_enhanced_retriever:.1%}, the "
            "alignment {loss_share_alignment_retriever:.1%}."
        ),
        why="The other term has a path and next to no say.",
        reduce=("kl.weight", "loss.adaptive", "loss.pareto"),
    ),
    Check(
        code="FTR601",
        claim="temperature",
        title="The attention is one-hot",
        severity=Severity.HIGH,
        reads=("temperature.effective_neighbours", "temperature.logit_range"),
        issue=lambda read: read["temperature.effective_neighbours"] < 1.5,
        condition="The attention has fewer than 1.5 effective neighbours.",
        detected=(
            "The attention spreads over {temperature_effective_neighbours:.2f} effective neighbours; its logits span "
            "{temperature_logit_range:.0f}."
        ),
        why="One neighbour then decides, and the others are searched for in vain.",
        reduce=("wiring.cosine", "temperature.raise"),
    ),
    Check(
        code="FTR602",
        claim="temperature",
        title="No temperature in the proposed range does anything",
        severity=Severity.MEDIUM,
        reads=("temperature.effective_neighbours.at_0.07", "temperature.effective_neighbours.at_0.2"),
        issue=lambda read: read["temperature.effective_neighbours.at_0.2"] < 1.5,
        condition=(
            "At a temperature of .2, on the same weights, the attention has fewer than 1.5 effective neighbours."
        ),
        detected=(
            "At .07 the attention has {temperature_effective_neighbours_at_0_07:.2f} effective neighbours, at .2 "
            "it has "
            "{temperature_effective_neighbours_at_0_2:.2f}."
        ),
        why="Raising or annealing it from .07 to .2 cannot be felt while the similarities are this large.",
        reduce=("wiring.cosine",),
    ),
    Check(
        code="FTR701",
        claim="retriever",
        title="The retriever fits training more than valid",
        severity=Severity.MEDIUM,
        reads=("retriever.hit_rate_gap", "retriever.hit_rate_train"),
        issue=lambda read: read["retriever.hit_rate_gap"] > 0.5 * read["retriever.hit_rate_train"],
        condition=("The hit rate of training samples exceeds that of valid queries by more than half of itself."),
        detected=(
            "The hit rate is {retriever_hit_rate_train:.1%} on training samples, {retriever_hit_rate_gap:.1%} more "
            "than on valid queries."
        ),
        why="What it has learnt of the training set it cannot use.",
        reduce=("retriever.regularised", "retriever.warm_start"),
    ),
    Check(
        code="FTR702",
        claim="retriever",
        title="The retriever finds less than the backbone's own vector",
        severity=Severity.MEDIUM,
        reads=("scope.hit_rate_all", "head_room.hit_rate_by_sequence"),
        issue=lambda read: read["head_room.hit_rate_by_sequence"] - read["scope.hit_rate_all"] > 0.02,
        condition="The hit rate by exact search with R(s) is more than two points below that with s.",
        detected=(
            "Among all prefixes the neighbours of R(s) lead to the target of {scope_hit_rate_all:.1%} of the valid "
            "queries, those of s of {head_room_hit_rate_by_sequence:.1%}."
        ),
        why="A retriever has to bring the backbone's vectors nearer to what comes next, not further away.",
        reduce=("retriever.warm_start", "retriever.regularised"),
    ),
)
