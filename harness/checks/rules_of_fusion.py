"""Rules on claim 4: how what is retrieved is mixed in."""

from __future__ import annotations

from harness.checks.checks import SMALLEST_GAIN, clear_gain
from harness.checks.checks_of_fusion import INTERPOLATING
from harness.checks.rule import Expected, Figures, Remedy, Rule, Settings, always


def _interpolated(read: Figures) -> tuple[tuple[Remedy, ...], ...]:
    found: Settings = {
        "l": read["head_room.interpolation_l"],
        "k": round(read["head_room.interpolation_k"]),
        "tau": read["head_room.interpolation_tau"],
    }
    if read["head_room.interpolation_new"]:
        found = {**found, "targets": "new"}
    return ((Remedy(id="wiring.interpolate", settings=found),),)


ORACLE = (
    "head_room.off",
    "head_room.oracle_alpha",
    "head_room.oracle_alpha_shuffled",
    "head_room.oracle_alpha_error",
)


def _left_by_alpha(read: Figures) -> float:
    return read["head_room.oracle_alpha"] - read["head_room.oracle_alpha_shuffled"]


RULES: tuple[Rule, ...] = (
    Rule(
        name="interpolate",
        title="Mix probabilities instead of vectors",
        reads=(
            *INTERPOLATING,
            "head_room.unseen",
            "head_room.interpolation_unseen",
            "head_room.interpolation_l",
            "head_room.interpolation_k",
            "head_room.interpolation_tau",
            "head_room.interpolation_new",
        ),
        holds=lambda read: clear_gain(read, *INTERPOLATING),
        stacks=_interpolated,
        expected=Expected.BETTER,
        gain=lambda read: read["head_room.interpolation_valid"] - read["head_room.off"],
        condition=(
            "The best interpolation of a small grid beats the backbone on valid by more than .002 and by more than two "
            "of its standard errors."
        ),
        because=(
            "Without any training, mixing probabilities takes valid NDCG@10 from {head_room_off:.4f} to "
            "{head_room_interpolation_valid:.4f}; with the user's history hidden, from {head_room_unseen:.4f} to "
            "{head_room_interpolation_unseen:.4f}."
        ),
    ),
    Rule(
        name="lengthen",
        title="Bring the knowledge to the length of what it is mixed into",
        reads=("fusion.knowledge_to_sequence", "head_room.off", "head_room.best_common"),
        holds=lambda read: (
            read["fusion.knowledge_to_sequence"] < 0.2
            and read["head_room.best_common"] - read["head_room.off"] > SMALLEST_GAIN
        ),
        stacks=always("wiring.scale"),
        expected=Expected.BETTER,
        gain=lambda read: read["head_room.best_common"] - read["head_room.off"],
        condition=(
            "The knowledge is less than a fifth as long as the vector it is mixed into, and the best common alpha at "
            "equal lengths beats the backbone on valid by more than .002."
        ),
        because=(
            "The knowledge is {fusion_knowledge_to_sequence:.3f} times as long as s; at equal lengths the best alpha "
            "for all takes valid NDCG@10 from {head_room_off:.4f} to {head_room_best_common:.4f}."
        ),
    ),
    Rule(
        name="mix_by_user",
        title="Let the mixture follow the user",
        reads=ORACLE,
        holds=lambda read: (
            _left_by_alpha(read)
            > max(0.05 * read["head_room.off"], SMALLEST_GAIN, 2.0 * read["head_room.oracle_alpha_error"])
        ),
        stacks=always("wiring.scale + fusion.adaptive", "wiring.scale + fusion.gate"),
        expected=Expected.MOVES,
        condition=(
            "An oracle for alpha gains more than the same oracle on shuffled neighbours, by over 5% of the backbone, "
            "over .002 and over two standard errors."
        ),
        because=(
            "An oracle for alpha by user reaches {head_room_oracle_alpha:.4f} on valid, on shuffled neighbours "
            "{head_room_oracle_alpha_shuffled:.4f}; what lies between could be won by a mixture that knows its user."
        ),
        weight=0.8,
    ),
    Rule(
        name="no_mixture_wins",
        title="No mixture by user will win with these neighbours",
        reads=ORACLE,
        holds=lambda read: (
            _left_by_alpha(read) + 2.0 * read["head_room.oracle_alpha_error"]
            < max(0.05 * read["head_room.off"], SMALLEST_GAIN)
        ),
        stacks=always("fusion.adaptive", "fusion.gate", "fusion.attention"),
        expected=Expected.IDLE,
        condition=(
            "What an oracle for alpha gains over the same oracle on shuffled neighbours is, even with two standard "
            "errors more, below 5% of the backbone (or below .002)."
        ),
        because=(
            "An oracle for alpha by user reaches {head_room_oracle_alpha:.4f} on valid and with another user's "
            "neighbours {head_room_oracle_alpha_shuffled:.4f}: the gain is that of any oracle."
        ),
    ),
)
