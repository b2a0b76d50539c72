"""Claim 4: what mixing does, and what any mixing could win."""

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
"""A difference of oracles below this, in the metric, is not worth having, whatever its error."""

SOME_REPLACED = 0.02
"""Share of the top ten below which mixing changes next to no ranking, so that nothing before it can show."""

INTERPOLATING = ("head_room.off", "head_room.interpolation_valid", "head_room.interpolation_gain_error")
"""Figures that say what the best interpolation gains."""


REPLACED_ERROR = ("fusion.top10_replaced_error",)
SHORT_ERROR = ("fusion.knowledge_to_sequence_error",)


def gain_of(read: Figures, before: str, after: str, error: str) -> Lead:
    """What a figure gains over another, against :data:`SMALLEST_GAIN`."""
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
    """How far the larger of both oracles' leads falls short of the smallest gain."""
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
        ("fusion.knowledge_to_sequence", Unit.RATIO, "length of the knowledge over that of s", TELLING),
        ("fusion.angle_degrees", Unit.DEGREES, "angle between s and the mixed vector", TELLING),
        ("fusion.top10_replaced", Unit.FRACTION, "share of the backbone's top ten that retrieval replaces", TELLING),
        ("fusion.knowledge_to_sequence_error", Unit.RATIO, "standard error of that ratio over queries"),
        ("fusion.top10_replaced_error", Unit.FRACTION, "standard error of that share over queries"),
        ("fusion.sequence_norm", Unit.NORM, "length of s"),
        ("fusion.key_norm", Unit.NORM, "length of the neighbours' keys"),
        ("fusion.with_neighbours", Unit.FRACTION, "validation queries with at least one neighbour"),
    ),
    *figures(
        "fusion",
        ("head_room.oracle_alpha", Unit.METRIC, "with the best alpha for each user, at equal lengths", TELLING),
        ("head_room.oracle_alpha_shuffled", Unit.METRIC, "the same with another user's neighbours", TELLING),
        ("head_room.off", Unit.METRIC, "the backbone on the validation set"),
        ("head_room.on", Unit.METRIC, "the run with retrieval on the validation set"),
        ("head_room.oracle_alpha_error", Unit.METRIC, "standard error of the difference of the two"),
        ("head_room.oracle_alpha_spread", Unit.RATIO, "standard deviation of the best alpha over users"),
        ("head_room.best_common_alpha", Unit.RATIO, "the alpha that is best for all, at equal lengths"),
        ("head_room.best_common", Unit.METRIC, "with that alpha"),
        ("head_room.oracle_switch", Unit.METRIC, "with retrieval on or off, whichever is better for each user"),
        ("head_room.best_common_error", Unit.METRIC, "standard error of what it gains over the backbone"),
        ("head_room.oracle_switch_error", Unit.METRIC, "standard error of its lead over that on shuffled neighbours"),
        ("head_room.oracle_switch_shuffled", Unit.METRIC, "the same with another user's neighbours"),
        ("head_room.interpolation_valid", Unit.METRIC, "best untrained interpolation of probabilities"),
        ("head_room.interpolation_valid_shuffled", Unit.METRIC, "the same with another user's neighbours"),
        ("head_room.interpolation_gain_error", Unit.METRIC, "standard error of its gain over the backbone"),
        ("head_room.unseen", Unit.METRIC, "the backbone on the validation set, the user's history hidden"),
        ("head_room.interpolation_unseen", Unit.METRIC, "best such interpolation, the user's history hidden"),
        ("head_room.off_test", Unit.METRIC, "the backbone on test queries of the same users; information only"),
        ("head_room.interpolation_test", Unit.METRIC, "that interpolation on test queries; information only"),
        ("head_room.interpolation_test_shuffled", Unit.METRIC, "the same with another user's neighbours"),
        ("head_room.interpolation_k", Unit.COUNT, "its neighbours; NaN where the backbone alone is best"),
        ("head_room.interpolation_tau", Unit.RATIO, "its temperature; NaN where the backbone alone is best"),
        ("head_room.interpolation_new", Unit.FRACTION, "1: its neighbours lead to new items only; NaN likewise"),
        ("head_room.interpolation_l", Unit.FRACTION, "the retrieved distribution's part in it"),
        when=When.AT_THE_START,
    ),
)

CHECKS = (
    Check(
        code="FTR401",
        claim="fusion",
        title="The knowledge is too short to matter",
        severity=Severity.HIGH,
        depth=2,
        issue=_too_short,
        errors=SHORT_ERROR,
        compares=Compares.QUERIES,
        condition="The knowledge is less than a fifth as long as the vector that it is mixed into.",
        detected="The knowledge is {fusion.knowledge_to_sequence:.3f} times as long as the vector it is mixed into.",
        why="Alpha then shortens the vector and hardly turns it, so no value of alpha changes a ranking.",
        reduce=("wiring.scale", "wiring.interpolate"),
    ),
    Check(
        code="FTR402",
        claim="fusion",
        title="Mixing changes next to no ranking",
        severity=Severity.HIGH,
        depth=3,
        issue=replaced,
        errors=REPLACED_ERROR,
        compares=Compares.QUERIES,
        condition="Scoring with retrieval replaces less than 2% of the backbone's top ten.",
        detected=(
            "Mixing turns the vector by {fusion.angle_degrees:.2f} degrees and replaces {fusion.top10_replaced:.1%} of "
            "the backbone's top ten."
        ),
        why="What does not change a ranking cannot change a metric.",
        reduce=("wiring.scale", "fusion.gate", "wiring.interpolate"),
    ),
    Check(
        code="FTR403",
        claim="fusion",
        bearing=Bearing.DECIDES,
        title="One alpha for everyone leaves something to win",
        severity=Severity.MEDIUM,
        issue=_left_by_alpha,
        compares=Compares.QUERIES,
        condition=(
            "The oracle's lead over the same oracle on shuffled neighbours is more than 5% of the backbone's figure "
            "and more than .002, and its 95% interval lies above 0."
        ),
        detected=(
            "An oracle that gives each user the best alpha reaches {head_room.oracle_alpha:.4f}, the same oracle on "
            "shuffled neighbours {head_room.oracle_alpha_shuffled:.4f}, the backbone {head_room.off:.4f}; the standard "
            "error of the difference is {head_room.oracle_alpha_error:.4f}."
        ),
        why="The difference of the two oracles is the most that a mixture by sample could win with these neighbours.",
        reduce=("fusion.adaptive", "fusion.gate", "fusion.attention"),
    ),
    Check(
        code="FTR404",
        claim="fusion",
        title="A mixture of probabilities wins without training",
        severity=Severity.HIGH,
        issue=lambda read: gain_of(read, *INTERPOLATING),
        compares=Compares.QUERIES,
        condition="The gain on the validation set is more than .002, and its 95% interval lies above 0.",
        detected=(
            "Chosen on the validation set, an interpolation of probabilities reaches "
            "{head_room.interpolation_valid:.4f} there and the backbone {head_room.off:.4f} (standard error of the "
            "gain {head_room.interpolation_gain_error:.4f}); on the test set, where nothing was chosen, "
            "{head_room.interpolation_test:.4f} and {head_room.off_test:.4f}. With the user's history hidden it is "
            "{head_room.interpolation_unseen:.4f} and {head_room.unseen:.4f} on the validation set."
        ),
        why="The neighbours hold something, and the fusion of vectors throws it away.",
        reduce=("wiring.interpolate",),
    ),
    Check(
        code="FTR405",
        claim="fusion",
        title="No mixture by user can win with these neighbours",
        severity=Severity.MEDIUM,
        issue=_nothing_left,
        errors=("head_room.oracle_alpha_error", "head_room.oracle_switch_error"),
        compares=Compares.QUERIES,
        condition="Each oracle's lead over itself on shuffled neighbours is below .002.",
        detected=(
            "Oracles for alpha and for switching retrieval by user reach {head_room.oracle_alpha:.4f} and "
            "{head_room.oracle_switch:.4f}, on another user's neighbours {head_room.oracle_alpha_shuffled:.4f} and "
            "{head_room.oracle_switch_shuffled:.4f}."
        ),
        why="An oracle gains as much from anyone's neighbours: others have to be found before a fusion can win.",
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
            "The best interpolation gains more than .002 on the validation set, and surely more than nothing; no other "
            "untrained mixture surely gains more."
        ),
        because=(
            "Without any training, mixing probabilities takes validation NDCG@10 from {head_room.off:.4f} to "
            "{head_room.interpolation_valid:.4f}; with the user's history hidden, from {head_room.unseen:.4f} to "
            "{head_room.interpolation_unseen:.4f}."
        ),
    ),
    Rule(
        name="lengthen",
        title="Bring the knowledge to the length of what it is mixed into",
        holds=lambda read: (
            _too_short(read),
            gain_of(read, "head_room.off", "head_room.best_common", "head_room.best_common_error"),
        ),
        errors=(*SHORT_ERROR, "head_room.best_common_error"),
        stacks=stacks("wiring.scale"),
        expected=Expected.BETTER,
        gain=lambda read: read["head_room.best_common"] - read["head_room.off"],
        condition=(
            "The knowledge is less than a fifth as long as the vector it is mixed into, and the best common alpha at "
            "equal lengths beats the backbone on the validation set by more than .002."
        ),
        because=(
            "The knowledge is {fusion.knowledge_to_sequence:.3f} times as long as s; at equal lengths the best alpha "
            "for all takes validation NDCG@10 from {head_room.off:.4f} to {head_room.best_common:.4f}."
        ),
    ),
    Rule(
        name="mix_by_user",
        title="Let the mixture follow the user",
        holds=lambda read: _left_by_alpha(read),
        also_reads=("head_room.off", "head_room.oracle_alpha_error"),
        stacks=stacks("wiring.scale + fusion.adaptive", "wiring.scale + fusion.gate"),
        expected=Expected.MOVES,
        weight=0.8,
        condition=(
            "An oracle for alpha gains more than the same oracle on shuffled neighbours, by over 5% of the backbone "
            "and over .002, and surely more than nothing."
        ),
        because=(
            "An oracle for alpha by user reaches {head_room.oracle_alpha:.4f} on the validation set, on shuffled "
            "neighbours {head_room.oracle_alpha_shuffled:.4f}; what lies between could be won by a mixture that knows "
            "its user."
        ),
    ),
    Rule(
        name="no_mixture_wins",
        title="No mixture by user will win with these neighbours",
        holds=lambda read: Short(lead=_left_by_alpha(read)),
        also_reads=("head_room.off", "head_room.oracle_alpha_error"),
        stacks=stacks("fusion.adaptive", "fusion.gate", "fusion.attention"),
        expected=Expected.IDLE,
        condition=(
            "What an oracle for alpha gains over the same oracle on shuffled neighbours is, at the upper end of its "
            "95% interval, below 5% of the backbone (or below .002)."
        ),
        because=(
            "An oracle for alpha by user reaches {head_room.oracle_alpha:.4f} on the validation set and with another "
            "user's neighbours {head_room.oracle_alpha_shuffled:.4f}: the gain is that of any oracle."
        ),
    ),
    Rule(
        name="neighbours_are_idle",
        title="Better neighbours will not show while mixing changes no ranking",
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
        condition="Mixing replaces under 2% of the backbone's top ten.",
        because="Mixing replaces {fusion.top10_replaced:.1%} of the top ten; better neighbours would replace as few.",
    ),
)
