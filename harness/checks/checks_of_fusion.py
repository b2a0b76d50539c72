"""Checks on claim 4: what mixing does, and what any mixing could win."""

from __future__ import annotations

from harness.checks.checks import SMALLEST_GAIN, Check, Severity, clear_gain

INTERPOLATING = ("head_room.off", "head_room.interpolation_valid", "head_room.interpolation_gain_error")
"""Figures that say what the best interpolation gains."""

CHECKS: tuple[Check, ...] = (
    Check(
        code="FTR401",
        claim="fusion",
        title="The knowledge is too short to matter",
        severity=Severity.HIGH,
        reads=("fusion.knowledge_to_sequence",),
        issue=lambda read: read["fusion.knowledge_to_sequence"] < 0.2,
        condition="The knowledge is less than a fifth as long as the vector that it is mixed into.",
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
        condition="Scoring with retrieval replaces less than 2% of the backbone's top ten.",
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
        reads=(
            "head_room.oracle_alpha",
            "head_room.oracle_alpha_shuffled",
            "head_room.oracle_alpha_error",
            "head_room.off",
        ),
        issue=lambda read: (
            read["head_room.oracle_alpha"] - read["head_room.oracle_alpha_shuffled"]
            > max(0.05 * read["head_room.off"], SMALLEST_GAIN, 2.0 * read["head_room.oracle_alpha_error"])
        ),
        condition=(
            "The oracle's lead over the same oracle on shuffled neighbours is more than 5% of the backbone's "
            "figure, more than .002 and more than two of its standard errors."
        ),
        detected=(
            "An oracle that gives each user the best alpha reaches {head_room_oracle_alpha:.4f}, the same oracle on "
            "shuffled neighbours {head_room_oracle_alpha_shuffled:.4f}, the backbone {head_room_off:.4f}; the standard "
            "error of the difference is {head_room_oracle_alpha_error:.4f}."
        ),
        why="The difference of the two oracles is the most that a mixture by sample could win with these neighbours.",
        reduce=("fusion.adaptive", "fusion.gate", "fusion.attention"),
    ),
    Check(
        code="FTR404",
        claim="fusion",
        title="A mixture of probabilities wins without training",
        severity=Severity.HIGH,
        reads=(
            *INTERPOLATING,
            "head_room.unseen",
            "head_room.interpolation_unseen",
            "head_room.off_test",
            "head_room.interpolation_test",
        ),
        issue=lambda read: clear_gain(read, *INTERPOLATING),
        condition=(
            "On valid the gain over the backbone is more than .002 and more than two of its standard errors. Test "
            "decides nothing."
        ),
        detected=(
            "Chosen on valid, an interpolation of probabilities reaches {head_room_interpolation_valid:.4f} there, the "
            "backbone {head_room_off:.4f} (standard error of the gain {head_room_interpolation_gain_error:.4f}); on "
            "test, where nothing was chosen, {head_room_interpolation_test:.4f} and {head_room_off_test:.4f}. With the "
            "user's history hidden it is {head_room_interpolation_unseen:.4f} and {head_room_unseen:.4f} on valid."
        ),
        why="The neighbours hold something, and the fusion of vectors throws it away.",
        reduce=("wiring.interpolate",),
    ),
    Check(
        code="FTR405",
        claim="fusion",
        title="No mixture by user can win with these neighbours",
        severity=Severity.MEDIUM,
        reads=(
            "head_room.oracle_alpha",
            "head_room.oracle_alpha_shuffled",
            "head_room.oracle_switch",
            "head_room.oracle_switch_shuffled",
        ),
        issue=lambda read: all(
            read[f"head_room.{oracle}"] - read[f"head_room.{oracle}_shuffled"] < SMALLEST_GAIN
            for oracle in ("oracle_alpha", "oracle_switch")
        ),
        condition="Each oracle's lead over itself on shuffled neighbours is below .002.",
        detected=(
            "Oracles for alpha and for switching retrieval by user reach {head_room_oracle_alpha:.4f} and "
            "{head_room_oracle_switch:.4f}, on another user's neighbours {head_room_oracle_alpha_shuffled:.4f} and "
            "{head_room_oracle_switch_shuffled:.4f}."
        ),
        why="An oracle gains as much from anyone's neighbours: others have to be found before a fusion can win.",
        reduce=("retriever.warm_start", "scope.hard_negatives", "index.sources"),
    ),
)
