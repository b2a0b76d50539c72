"""The checks, in the order of the claims, each with its threshold, its cause and a way out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.diagnostics.checks import Check, Figures, Outcome, Severity, ask
from harness.diagnostics.evidence import Entry

SMALLEST_GAIN = 0.002
"""A difference of oracles below this, in the metric, is noise among five hundred queries."""


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
        detected="{kl_imitation:.0%} of the ten items that the knowledge favours are among the backbone's own ten.",
        why="Mixing in what is there already cannot change a ranking.",
        reduce=("search.diverse", "kl.reverse"),
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
        detected=(
            "The gradient of CE(enhanced) at the retriever is {loss_gradient_enhanced_retriever:.4g}, that of CE(s) "
            "{loss_gradient_recommendation_retriever:.4g}."
        ),
        why="Weights, conditions and ramps of these losses change the log and nothing else.",
        reduce=("wiring.retriever_attention", "wiring.live_keys", "training.unfreeze"),
    ),
    Check(
        code="FTR301",
        claim="index",
        title="Stored keys have drifted from the retriever",
        severity=Severity.MEDIUM,
        reads=("index.staleness",),
        issue=lambda read: read["index.staleness"] < 0.99,
        detected="Stored keys and keys encoded now have a mean cosine of {index_staleness:.4f}; 1 is current.",
        why="Queries are compared to keys of an older retriever; a refresh from stored keys never mends that.",
        reduce=("index.refresh", "wiring.live_keys"),
    ),
    Check(
        code="FTR302",
        claim="index",
        title="Many neighbours are far",
        severity=Severity.LOW,
        reads=("index.below_threshold",),
        issue=lambda read: read["index.below_threshold"] > 0.25,
        detected="{index_below_threshold:.0%} of the neighbours are under a cosine of .6.",
        why="Far neighbours say little about what comes next.",
        reduce=("index.quality_filter", "loss.conditional"),
    ),
    Check(
        code="FTR303",
        claim="index",
        title="Neighbours hardly ever lead to the target",
        severity=Severity.HIGH,
        reads=("index.hit_rate",),
        issue=lambda read: read["index.hit_rate"] < 0.05,
        detected="{index_hit_rate:.1%} of the valid queries have a neighbour that leads to their target.",
        why="Whatever the mixture, it can only move towards items that some neighbour names.",
        reduce=("retriever.warm_start", "scope.hard_negatives", "wiring.interpolate"),
    ),
    Check(
        code="FTR401",
        claim="fusion",
        title="The knowledge is too short to matter",
        severity=Severity.HIGH,
        reads=("fusion.knowledge_to_sequence",),
        issue=lambda read: read["fusion.knowledge_to_sequence"] < 0.2,
        detected="The knowledge is {fusion_knowledge_to_sequence:.3f} times as long as the vector it is mixed into.",
        why="Alpha then shortens the vector and hardly turns it, so no value of alpha changes a ranking.",
        reduce=("wiring.scale", "wiring.interpolate"),
    ),
    Check(
        code="FTR402",
        claim="fusion",
        title="Mixing changes next to no ranking",
        severity=Severity.HIGH,
        reads=("fusion.top10_replaced", "fusion.angle_degrees"),
        issue=lambda read: read["fusion.top10_replaced"] < 0.02,
        detected=(
            "Mixing turns the vector by {fusion_angle_degrees:.2f} degrees and replaces {fusion_top10_replaced:.1%} of "
            "the backbone's top ten."
        ),
        why="What does not change a ranking cannot change a metric.",
        reduce=("wiring.scale", "fusion.gate", "wiring.interpolate"),
    ),
    Check(
        code="FTR403",
        claim="fusion",
        title="One alpha for everyone leaves something to win",
        severity=Severity.MEDIUM,
        reads=("head_room.oracle_alpha", "head_room.oracle_alpha_shuffled", "head_room.off"),
        issue=lambda read: (
            read["head_room.oracle_alpha"] - read["head_room.oracle_alpha_shuffled"]
            > max(0.05 * read["head_room.off"], SMALLEST_GAIN)
        ),
        detected=(
            "An oracle that gives each user the best alpha reaches {head_room_oracle_alpha:.4f}, the same oracle on "
            "shuffled neighbours {head_room_oracle_alpha_shuffled:.4f}, the backbone {head_room_off:.4f}."
        ),
        why="The difference of the two oracles is the most that a mixture by sample could win with these neighbours.",
        reduce=("fusion.adaptive", "fusion.gate", "fusion.attention"),
    ),
    Check(
        code="FTR501",
        claim="loss",
        title="Two terms pull in opposite directions",
        severity=Severity.MEDIUM,
        reads=("loss.cosine.enhanced.alignment",),
        issue=lambda read: read["loss.cosine.enhanced.alignment"] < -0.1,
        detected="Gradients of CE(enhanced) and alignment have a cosine of {loss_cosine_enhanced_alignment:.2f}.",
        why="A step that helps one term then harms the other, and their weights decide which.",
        reduce=("loss.pareto", "kl.weight", "loss.ramp"),
    ),
    Check(
        code="FTR601",
        claim="temperature",
        title="The attention is one-hot",
        severity=Severity.HIGH,
        reads=("temperature.effective_neighbours", "temperature.logit_range"),
        issue=lambda read: read["temperature.effective_neighbours"] < 1.5,
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
        detected=(
            "The hit rate is {retriever_hit_rate_train:.1%} on training samples, {retriever_hit_rate_gap:.1%} more "
            "than on valid queries."
        ),
        why="What it has learnt of the training set it cannot use.",
        reduce=("retriever.regularised", "retriever.warm_start"),
    ),
    Check(
        code="FTR801",
        claim="evaluation",
        title="Training and evaluation find other neighbours",
        severity=Severity.HIGH,
        reads=("evaluation.train_eval_overlap",),
        issue=lambda read: read["evaluation.train_eval_overlap"] < 0.5,
        detected="{evaluation_train_eval_overlap:.0%} of a sample's neighbours in evaluation are its in training, too.",
        why="The retriever is trained on other neighbours than those that it is judged by.",
        reduce=("evaluation.consistent",),
    ),
    Check(
        code="FTR901",
        claim="scope",
        title="The length filter drops useful entries",
        severity=Severity.MEDIUM,
        reads=("scope.dropped", "scope.hit_rate_all", "scope.hit_rate_kept"),
        issue=lambda read: (
            None if read["scope.dropped"] == 0.0 else read["scope.hit_rate_all"] > 1.02 * read["scope.hit_rate_kept"]
        ),
        detected=(
            "{scope_dropped:.0%} of the prefixes are no entries; with them the hit rate is {scope_hit_rate_all:.2%}, "
            "without {scope_hit_rate_kept:.2%}."
        ),
        why="Entries that would have led to the target are left out because they are short.",
        reduce=("scope.quality", "scope.stratified"),
    ),
    Check(
        code="FTR1001",
        claim="search",
        title="The index misses near entries",
        severity=Severity.LOW,
        reads=("search.recall",),
        issue=lambda read: read["search.recall"] < 0.95,
        detected="The index finds {search_recall:.1%} of the nearest entries.",
        why="Neighbours that exact search would find are lost.",
        reduce=("search.scaled", "search.ensemble"),
    ),
    Check(
        code="FTR1002",
        claim="search",
        title="Neighbours are near-duplicates",
        severity=Severity.LOW,
        reads=("index.distinct_targets",),
        issue=lambda read: read["index.distinct_targets"] < 3.0,
        detected="The neighbours of a query lead to {index_distinct_targets:.1f} distinct items.",
        why="Neighbours that say the same say no more than one of them.",
        reduce=("search.diverse",),
    ),
)


def outcomes(entries: Sequence[Entry], *, muted: Mapping[str, str] | None = None) -> tuple[Outcome, ...]:
    """Every check, asked, in the order of the claims."""
    return tuple(ask(check, entries, muted=muted) for check in CHECKS)
