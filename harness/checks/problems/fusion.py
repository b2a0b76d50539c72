"""Claim 4: what mixing does, and what any mixing could gain."""

from __future__ import annotations

from harness.checks.base import (
    TELLING,
    Bearing,
    Check,
    Compares,
    Expected,
    Figures,
    Remedy,
    Rule,
    Severity,
    Stacks,
    Unit,
    When,
    figures,
    stacks,
)
from harness.checks.leads import Lead, Short, Side, below, gain

SMALLEST_GAIN = 0.002
"""A gain below this, in the metric, does not count, whatever its error."""

SOME_REPLACED = 0.02
"""Share of the top ten below which mixing hardly changes any ranking, so that no earlier step can have an effect."""

INTERPOLATING = ("head_room.off", "head_room.interpolation_valid", "head_room.interpolation_gain_error")
"""Figures on the gain of the best interpolation."""

REPLACED_ERROR = ("fusion.top10_replaced_error",)
SHORT_ERROR = ("fusion.knowledge_to_sequence_error",)


def gain_of(read: Figures, before: str, after: str, error: str) -> Lead:
    """The gain of a figure over another, with :data:`SMALLEST_GAIN` as the smallest that counts."""
    return gain(read[after] - read[before], SMALLEST_GAIN, read[error])


def replaced(read: Figures) -> Lead:
    """How far mixing falls short of :data:`SOME_REPLACED`."""
    return below(read["fusion.top10_replaced"], SOME_REPLACED, read["fusion.top10_replaced_error"])


def _too_short(read: Figures) -> Lead:
    return below(read["fusion.knowledge_to_sequence"], 0.2, read["fusion.knowledge_to_sequence_error"])


def _left_by_alpha(read: Figures) -> Lead:
    left = read["head_room.oracle_alpha"] - read["head_room.oracle_alpha_shuffled"]
    return gain(left, max(0.05 * read["head_room.off"], SMALLEST_GAIN), read["head_room.oracle_alpha_error"])


def _nothing_left(read: Figures) -> Lead:
    """How far the larger of two oracles' leads over their shuffled controls falls short of the smallest gain."""
    left, oracle = max(
        (read[f"head_room.{oracle}"] - read[f"head_room.{oracle}_shuffled"], oracle)
        for oracle in ("oracle_alpha", "oracle_switch")
    )
    return below(left, SMALLEST_GAIN, read[f"head_room.{oracle}_error"])


def _beaten(read: Figures) -> bool:
    """Whether another untrained mixture surely beats the interpolation of the nearest vectors, tuned or not."""
    ahead = gain(read["mixing.lead"], SMALLEST_GAIN, read["mixing.lead_error"]).side is Side.BEYOND
    return ahead and read["mixing.best"] >= read["head_room.interpolation_valid"] - read["head_room.off"]


def _interpolated(read: Figures) -> Stacks:
    share, k, tau = (read[f"head_room.interpolation_{name}"] for name in ("l", "k", "tau"))
    targets = {"targets": "new"} if read["head_room.interpolation_new"] else {}
    return ((Remedy(id="wiring.interpolate", settings={"l": share, "k": round(k), "tau": tau} | targets),),)


FIGURES = (
    *figures(
        "fusion",
        ("fusion.knowledge_to_sequence", Unit.RATIO, "norm of the knowledge divided by the norm of s", TELLING),
        ("fusion.angle_degrees", Unit.DEGREES, "angle between s and the mixed vector", TELLING),
        ("fusion.top10_replaced", Unit.FRACTION, "share of the backbone's top 10 that retrieval replaces", TELLING),
        ("fusion.knowledge_to_sequence_error", Unit.RATIO, "standard error of the ratio of norms over queries"),
        ("fusion.top10_replaced_error", Unit.FRACTION, "standard error of the replaced share over queries"),
        ("fusion.sequence_norm", Unit.NORM, "norm of s"),
        ("fusion.key_norm", Unit.NORM, "norm of the neighbours' keys"),
        ("fusion.with_neighbours", Unit.FRACTION, "validation queries with at least one neighbour"),
    ),
    *figures(
        "fusion",
        ("head_room.oracle_alpha", Unit.METRIC, "with the best alpha per user, at equal norms", TELLING),
        ("head_room.oracle_alpha_shuffled", Unit.METRIC, "the alpha oracle with another user's neighbours", TELLING),
        ("head_room.off", Unit.METRIC, "the backbone on the validation set"),
        ("head_room.on", Unit.METRIC, "the run with retrieval on the validation set"),
        ("head_room.oracle_alpha_error", Unit.METRIC, "standard error of the alpha oracle's margin"),
        ("head_room.oracle_alpha_spread", Unit.RATIO, "standard deviation of the best alpha over users"),
        ("head_room.best_common_alpha", Unit.RATIO, "the best alpha for all users, at equal norms"),
        ("head_room.best_common", Unit.METRIC, "with the best alpha for all users, at equal norms"),
        ("head_room.oracle_switch", Unit.METRIC, "with retrieval on or off, whichever is better per user"),
        ("head_room.best_common_error", Unit.METRIC, "standard error of the best common alpha's gain"),
        ("head_room.oracle_switch_error", Unit.METRIC, "standard error of the on/off oracle's margin"),
        ("head_room.oracle_switch_shuffled", Unit.METRIC, "the on/off oracle with another user's neighbours"),
        ("head_room.interpolation_valid", Unit.METRIC, "best untrained interpolation of probabilities"),
        ("head_room.interpolation_valid_shuffled", Unit.METRIC, "best interpolation with another user's neighbours"),
        ("head_room.interpolation_gain_error", Unit.METRIC, "standard error of the interpolation's gain"),
        ("head_room.unseen", Unit.METRIC, "the backbone on the validation set, the user's history hidden"),
        ("head_room.interpolation_unseen", Unit.METRIC, "best interpolation, the user's history hidden"),
        ("head_room.off_test", Unit.METRIC, "the backbone on test queries of the same users; information only"),
        ("head_room.interpolation_test", Unit.METRIC, "best interpolation on test queries; information only"),
        ("head_room.interpolation_test_shuffled", Unit.METRIC, "best one on test queries with shuffled neighbours"),
        ("head_room.interpolation_k", Unit.COUNT, "neighbours of the best interpolation; NaN: the backbone is best"),
        ("head_room.interpolation_tau", Unit.RATIO, "temperature of the best interpolation; NaN: the backbone is best"),
        ("head_room.interpolation_new", Unit.FRACTION, "1: new items only; NaN: the backbone is best"),
        ("head_room.interpolation_l", Unit.FRACTION, "share of retrieval in the best interpolation"),
        when=When.AT_THE_START,
    ),
)

CHECKS = (
    Check(
        code="FTR401",
        claim="fusion",
        title="The retrieved knowledge is too short to matter",
        severity=Severity.HIGH,
        depth=2,
        issue=_too_short,
        errors=SHORT_ERROR,
        compares=Compares.QUERIES,
        condition=(
            "The norm of the retrieved knowledge is less than a fifth of the norm of the vector it is mixed into."
        ),
        detected=(
            "The norm of the retrieved knowledge is {fusion.knowledge_to_sequence:.3f} times that of the vector it is "
            "mixed into."
        ),
        why="Alpha then scales the vector and hardly rotates it, so no value of alpha changes a ranking.",
        reduce=("wiring.scale", "wiring.interpolate"),
    ),
    Check(
        code="FTR402",
        claim="fusion",
        title="Mixing changes almost no ranking",
        severity=Severity.HIGH,
        depth=3,
        issue=replaced,
        errors=REPLACED_ERROR,
        compares=Compares.QUERIES,
        condition="Scoring with retrieval replaces less than 2% of the backbone's top 10.",
        detected=(
            "Mixing rotates the vector by {fusion.angle_degrees:.2f} degrees and replaces {fusion.top10_replaced:.1%} "
            "of the backbone's top 10."
        ),
        why="A metric cannot change while rankings do not.",
        reduce=("wiring.scale", "fusion.gate", "wiring.interpolate"),
    ),
    Check(
        code="FTR403",
        claim="fusion",
        bearing=Bearing.DECIDES,
        title="A single alpha for all users leaves head-room",
        severity=Severity.MEDIUM,
        issue=_left_by_alpha,
        compares=Compares.QUERIES,
        condition=(
            "The alpha oracle's margin over the same oracle on shuffled neighbours is over 5% of the backbone's "
            "NDCG@10 and over .002, and its 95% interval lies above 0."
        ),
        detected=(
            "An oracle that picks the best alpha per user reaches NDCG@10 {head_room.oracle_alpha:.4f}, the same "
            "oracle on shuffled neighbours {head_room.oracle_alpha_shuffled:.4f}, and the backbone {head_room.off:.4f} "
            "(standard error of the margin {head_room.oracle_alpha_error:.4f})."
        ),
        why="The margin between the two oracles bounds what per-sample mixing can gain with these neighbours.",
        reduce=("fusion.adaptive", "fusion.gate", "fusion.attention"),
    ),
    Check(
        code="FTR404",
        claim="fusion",
        title="Mixing probabilities beats the backbone without training",
        severity=Severity.HIGH,
        issue=lambda read: gain_of(read, *INTERPOLATING),
        compares=Compares.QUERIES,
        condition="The best interpolation gains more than .002 on the validation set; its 95% interval lies above 0.",
        detected=(
            "An interpolation of probabilities chosen on the validation set scores NDCG@10 "
            "{head_room.interpolation_valid:.4f} there, against {head_room.off:.4f} for the backbone (standard error "
            "of the gain {head_room.interpolation_gain_error:.4f}). On the test set, where nothing was chosen, it "
            "scores {head_room.interpolation_test:.4f} against {head_room.off_test:.4f}. With the user's history "
            "hidden, it scores {head_room.interpolation_unseen:.4f} against {head_room.unseen:.4f} on the validation "
            "set."
        ),
        why="The neighbours carry information that the fusion of vectors discards.",
        reduce=("wiring.interpolate",),
    ),
    Check(
        code="FTR405",
        claim="fusion",
        title="Per-user mixing has no head-room with these neighbours",
        severity=Severity.MEDIUM,
        issue=_nothing_left,
        errors=("head_room.oracle_alpha_error", "head_room.oracle_switch_error"),
        compares=Compares.QUERIES,
        condition="Each oracle's margin over the same oracle on shuffled neighbours is below .002.",
        detected=(
            "Per-user oracles for alpha and for retrieval on/off reach NDCG@10 {head_room.oracle_alpha:.4f} and "
            "{head_room.oracle_switch:.4f}; with another user's neighbours they reach "
            "{head_room.oracle_alpha_shuffled:.4f} and {head_room.oracle_switch_shuffled:.4f}."
        ),
        why="An oracle gains as much from any user's neighbours: retrieval must improve before fusion can help.",
        reduce=("retriever.warm_start", "scope.hard_negatives", "index.sources"),
    ),
)

RULES = (
    Rule(
        name="interpolate",
        title="Mix probabilities instead of vectors",
        holds=lambda read: (gain_of(read, *INTERPOLATING), not _beaten(read)),
        errors=("mixing.lead", "mixing.lead_error", "mixing.best"),
        also_reads=(
            "head_room.interpolation_gain_error",
            "head_room.interpolation_l",
            "head_room.interpolation_k",
            "head_room.interpolation_tau",
            "head_room.interpolation_new",
        ),
        stacks=_interpolated,
        expected=Expected.BETTER,
        gain=lambda read: read["head_room.interpolation_valid"] - read["head_room.off"],
        condition=(
            "The best interpolation gains more than .002 on the validation set with an interval above 0, and no other "
            "untrained mixture gains significantly more."
        ),
        because=(
            "Without training, mixing probabilities raises validation NDCG@10 from {head_room.off:.4f} to "
            "{head_room.interpolation_valid:.4f}. With the user's history hidden, it goes from {head_room.unseen:.4f} "
            "to {head_room.interpolation_unseen:.4f}."
        ),
    ),
    Rule(
        name="lengthen",
        title="Rescale the retrieved knowledge to the norm of the vector it is mixed into",
        holds=lambda read: (
            _too_short(read),
            gain_of(read, "head_room.off", "head_room.best_common", "head_room.best_common_error"),
        ),
        errors=(*SHORT_ERROR, "head_room.best_common_error"),
        stacks=stacks("wiring.scale"),
        expected=Expected.BETTER,
        gain=lambda read: read["head_room.best_common"] - read["head_room.off"],
        condition=(
            "The norm of the retrieved knowledge is less than a fifth of that of the vector it is mixed into, and at "
            "equal norms the best common alpha beats the backbone on the validation set by more than .002."
        ),
        because=(
            "The norm of the retrieved knowledge is {fusion.knowledge_to_sequence:.3f} times that of s. At equal "
            "norms, the best alpha for all users raises validation NDCG@10 from {head_room.off:.4f} to "
            "{head_room.best_common:.4f}."
        ),
    ),
    Rule(
        name="mix_by_user",
        title="Let the mixture depend on the user",
        holds=lambda read: _left_by_alpha(read),
        also_reads=("head_room.off", "head_room.oracle_alpha_error"),
        stacks=stacks("wiring.scale + fusion.adaptive", "wiring.scale + fusion.gate"),
        expected=Expected.MOVES,
        weight=0.8,
        condition=(
            "The oracle's margin over shuffled neighbours is over 5% of the backbone's NDCG@10 and over .002, with an "
            "interval above 0."
        ),
        because=(
            "An oracle for alpha per user reaches NDCG@10 {head_room.oracle_alpha:.4f} on the validation set, against "
            "{head_room.oracle_alpha_shuffled:.4f} on shuffled neighbours. Mixing per user can gain at most the "
            "difference."
        ),
    ),
    Rule(
        name="no_mixture_wins",
        title="Per-user mixing will not help with these neighbours",
        holds=lambda read: Short(lead=_left_by_alpha(read)),
        also_reads=("head_room.off", "head_room.oracle_alpha_error"),
        stacks=stacks("fusion.adaptive", "fusion.gate", "fusion.attention"),
        expected=Expected.IDLE,
        condition=(
            "The oracle's margin over shuffled neighbours is, at the upper end of its 95% interval, below 5% of the "
            "backbone's NDCG@10 (or below .002)."
        ),
        because=(
            "An oracle for alpha per user reaches NDCG@10 {head_room.oracle_alpha:.4f} on the validation set and "
            "{head_room.oracle_alpha_shuffled:.4f} with another user's neighbours. Any oracle gains that much."
        ),
    ),
    Rule(
        name="neighbours_are_idle",
        title="Better neighbours have no effect while mixing changes no ranking",
        holds=lambda read: replaced(read),
        errors=REPLACED_ERROR,
        stacks=stacks(
            "index.sources",
            "index.refresh",
            "index.quality_filter",
            "index.managed",
            "scope.quality",
            "scope.stratified",
            "scope.hard_negatives",
            "search.scaled",
            "search.diverse",
            "search.ensemble",
            "retriever.warm_start",
            "retriever.regularised",
        ),
        expected=Expected.IDLE,
        condition="Mixing replaces less than 2% of the backbone's top 10.",
        because=(
            "Mixing replaces {fusion.top10_replaced:.1%} of the top 10; better neighbours would replace as little."
        ),
    ),
)
