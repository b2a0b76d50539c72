"""The ``factorial:`` and ``greedy:`` parts of a study file: which stacks of its arms are run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.study.arms import ArmSetting
from harness.study.designs import MOST_FACTORS, Design, DesignError, fractional_design, full_design
from harness.study.problems import Path, show
from harness.study.yaml_lines import Document

JOINT = " + "
"""Between the arms of a stack, in the names of rows; no arm of these modes may hold it."""

MOST_RUNS = 64
MOST_CANDIDATES = 40
_HALVINGS = {"full": 0, "1/2": 1, "1/4": 2, "1/8": 3}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class FactorialModel(_Part):
    """Which combinations of the arms are run."""

    fraction: Annotated[
        Literal["full", "1/2", "1/4", "1/8"],
        Field(description="full: every combination, of at most 6 arms; else that part of them, of at most 8 arms"),
    ] = "full"


class GreedyModel(_Part):
    """How a stack is built from the arms, one after the other."""

    most: Annotated[int, Field(ge=1, le=20, description="arms in the stack at most")] = 4
    confirm: Annotated[
        int, Field(ge=1, le=1000, description="fresh replicates on which the stack and the way to it are run again")
    ] = 3
    gain: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="what an arm must add on valid to be taken, as a fraction of base's figure; left out: sesoi",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorialSpec:
    """Which combinations of the arms are run.

    Attributes:
        fraction: ``full``, ``1/2``, ``1/4`` or ``1/8``.
    """

    fraction: str = "full"

    def design(self, n_factors: int) -> Design:
        """The runs.

        Raises:
            DesignError: so many factors, or so few, are not for this fraction.
        """
        halvings = _HALVINGS[self.fraction]
        if not 2 <= n_factors <= MOST_FACTORS:
            raise DesignError(f"{n_factors} arms, and a factorial study takes 2 to {MOST_FACTORS}")
        if 2 ** (n_factors - halvings) > MOST_RUNS:
            fitting = next(name for name, p in _HALVINGS.items() if 2 ** (n_factors - p) <= MOST_RUNS)
            raise DesignError(
                f"{2 ** (n_factors - halvings)} combinations of {n_factors} arms, at most {MOST_RUNS}; "
                f"write  factorial: {{fraction: {fitting}}}"
            )
        return fractional_design(n_factors, halvings) if halvings else full_design(n_factors)


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedySpec:
    """How a stack is built from the arms.

    Attributes:
        most: arms in the stack at most.
        confirm: fresh replicates of the confirmation.
        gain: what an arm must add on valid to be taken, as a fraction of base's figure; None: the study's sesoi.
    """

    most: int = 4
    confirm: int = 3
    gain: float | None = None


def factorial_spec(model: FactorialModel | None) -> FactorialSpec:
    """What a checked model asks for, or the default."""
    return FactorialSpec() if model is None else FactorialSpec(fraction=model.fraction)


def greedy_spec(model: GreedyModel | None) -> GreedySpec:
    """What a checked model asks for, or the default."""
    return GreedySpec() if model is None else GreedySpec(most=model.most, confirm=model.confirm, gain=model.gain)


def misplaced(raw: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
    """Parts of a mode that the study file does not choose."""
    mode = raw.get("mode", "grid")
    for key in ("search", "factorial", "greedy"):
        if key in raw and mode != key:
            yield (key,), f"read in mode {key} alone, and this study's mode is {show(mode)}; write  mode: {key}"


def schema_rules() -> list[dict[str, Any]]:
    """What the JSON schema of a study file says of these modes beyond their parts."""
    rules: list[dict[str, Any]] = [
        {"if": {"required": [mode]}, "then": {"required": ["mode"], "properties": {"mode": {"const": mode}}}}
        for mode in ("search", "factorial", "greedy")
    ]
    chosen = {"required": ["mode"], "properties": {"mode": {"enum": ["factorial", "greedy"]}}}
    single = {"minProperties": 2, "additionalProperties": {"$ref": "#/$defs/plain_stack"}}
    return [*rules, {"if": chosen, "then": {"properties": {"arms": single}}}]


def check_stacks(document: Document, raw: Mapping[str, object], rows: Sequence[ArmSetting]) -> None:
    """Note what keeps the arms from being the factors of a factorial study or the candidates of a greedy one.

    Args:
        document: where mistakes are noted.
        raw: the study file's values.
        rows: every setting of every arm that could be read.
    """
    mode = raw.get("mode")
    if mode not in ("factorial", "greedy") or not rows:
        return
    for arm in dict.fromkeys(row.arm for row in rows):
        first = next(row for row in rows if row.arm == arm)
        if first.name != arm:
            document.add(
                ("arms", arm),
                f"a list of values is a grid, and mode {mode} takes each arm at one setting; give one value, or make "
                "an arm of each",
                line=first.line,
            )
        if JOINT in arm:
            document.add(
                ("arms", arm),
                f"the name holds '{JOINT}', which joins arms in mode {mode}; rename it",
                line=first.line,
            )
    n_arms = len({row.arm for row in rows})
    if mode == "greedy":
        if not 2 <= n_arms <= MOST_CANDIDATES:
            document.add(("arms",), f"{n_arms} arms, and a greedy choice takes 2 to {MOST_CANDIDATES}")
        return
    try:
        factorial_spec(FactorialModel.model_validate(raw.get("factorial") or {})).design(n_arms)
    except DesignError as problem:
        document.add(("arms",), str(problem))
    except ValidationError:
        return  # the schema has said so
