"""The schedule of mode greedy: forward and backward rounds on the validation set, then fresh replicates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.modes.combining import described, joined, left_out, stacked
from harness.modes.plan import FIRST_FRESH_REPLICATE, Cell, CellName, Plan, name_of
from harness.recipe.recipe import Recipe
from harness.results.evidence import Level
from harness.results.manifest import A_A, BASE, ArmRow
from harness.results.record import RunRecord
from harness.study.arms import ArmSetting

Stack = tuple[int, ...]
"""Positions of arms in the study file, ascending; empty for base."""

Kind = Literal["forward", "backward"]
Ending = Literal["most", "threshold", "none_left", "base_failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try: the current stack with one more arm, or without one of its members.

    Attributes:
        arm: the arm added or left out.
        row: the name of the stack that was run.
        state: ``tried``, ``failed`` (a run of it failed) or ``left_out`` (it cannot run).
        value: mean over replicates of the primary metric on the validation set, at the chosen epochs.
        gain: mean over replicates of its difference from the current stack.
        se: standard error of that mean; None for one replicate.
        reason: why there is no value.
    """

    arm: str
    row: str
    state: Literal["tried", "failed", "left_out"]
    value: float | None = None
    gain: float | None = None
    se: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One round.

    Attributes:
        kind: ``forward`` or ``backward``.
        stack: the arms of the current stack, in the order in which they were taken.
        value: of that stack, as in :class:`Try`.
        tries: in the order of the study file.
        chosen: the arm that was taken, or dropped; empty for none.
    """

    kind: Kind
    stack: tuple[str, ...]
    value: float
    tries: tuple[Try, ...]
    chosen: str = ""


@dataclass(slots=True, kw_only=True)
class GreedySchedule:
    """A schedule of rounds; the cells of a round follow from the records of earlier rounds.

    Forward: each candidate is added to the current stack and run on the study's replicates.  Of those whose gain
    exceeds the threshold and their own paired standard error, the one with the largest gain is taken.  Backward: each
    member is left out in turn; the one whose absence is best is dropped if the validation metric does not fall.  Then
    base, a/a and every stack on the way run on fresh replicates, which alone are reported as effects.

    Attributes:
        plan: of the study.
        most: largest number of arms in the stack.
        threshold: validation gain that an arm needs to be taken, as a fraction of base's metric.
    """

    plan: Plan
    most: int
    threshold: float
    _values: dict[CellName, float] = field(default_factory=dict)
    _failures: dict[CellName, str] = field(default_factory=dict)
    _open: set[CellName] = field(default_factory=set)
    _next: list[Cell] = field(default_factory=list)
    _steps: list[Step] = field(default_factory=list)
    _path: list[list[int]] = field(default_factory=list)
    _best: Stack = ()
    _ending: Ending | None = None
    _done: bool = False
    named_all: bool = False
    _generations: Iterator[list[Cell]] = field(init=False)

    def __post_init__(self) -> None:
        self._generations = self._run()
        self._advance()

    def ready(self) -> Sequence[Cell]:
        named, self._next = self._next, []
        return named

    def finished(self, cell: Cell, record: RunRecord) -> None:
        self._values[name_of(cell)] = record.quality(self.plan.study.primary)
        self._settle(cell)

    def failed(self, cell: Cell, why: str) -> None:
        self._failures[name_of(cell)] = why
        self._settle(cell)

    def rows(self) -> Sequence[ArmRow]:
        arms = [(joined(self._arms(stack)), self._recipe(stack)) for stack in self._confirmed()]
        first = [ArmRow(name=name, arm=name) for name in (BASE, A_A)]
        return [*first, *(self.plan.row_running(setting, recipe) for setting, recipe in arms)]

    def replicates(self) -> Sequence[int]:
        return self.plan.fresh()

    def course(self) -> Mapping[str, Any]:
        study = self.plan.study
        base = self._value(()) if self._usable() else None
        return {
            "mode": "greedy",
            "finished": self._done,
            "metric": study.primary,
            "replicates": list(range(study.replicates)),
            "threshold": {"fraction": self.threshold, "value": None if base is None else self.threshold * base},
            "most": self.most,
            "candidates": described(study.rows),
            "steps": [asdict(step) for step in self._steps],
            "ending": self._ending,
            "path": [self._names(stack) for stack in self._path],
            "confirmed": {self._row(stack): self._names(stack) for stack in self._confirmed()},
            "runner_up": self._row(self._best) if self._best and not self._path else "",
        }

    def _settle(self, cell: Cell) -> None:
        self._open.discard(name_of(cell))
        if not self._open:
            self._advance()

    def _advance(self) -> None:
        """Go to the next generation that has cells to run; without one, the study is done."""
        for cells in self._generations:
            if cells:
                self._next = cells
                self._open = {name_of(cell) for cell in cells}
                return
        self._done = self.named_all = True

    def _run(self) -> Iterator[list[Cell]]:
        """Yield the cells of each generation; resumed when all of them have ended."""
        at_hand: list[int] = []
        yield self._cells([(), *self._around(at_hand, "forward").values()])
        if not self._usable():
            self._ending = "base_failed"
            return
        while self._ending is None:
            yield self._cells(self._around(at_hand, "forward").values())
            self._forward(at_hand)
        while len(at_hand) > 1:
            yield self._cells(self._around(at_hand, "backward").values())
            if not self._backward(at_hand):
                break
        self.named_all = True
        yield self._confirmation()

    def _forward(self, at_hand: list[int]) -> None:
        """Judge a forward round, take its best arm, and set the ending if the stack is complete."""
        tries = self._judged(at_hand, "forward")
        gains = {place: each.gain for place, each in tries.items() if each.gain is not None}
        if not at_hand and gains:
            self._best = (max(gains, key=lambda place: gains[place]),)
        least = self.threshold * self._value(())
        beyond = {place: gain for place, gain in gains.items() if gain > least}
        passing = {place: gain for place, gain in beyond.items() if gain > (tries[place].se or 0.0)}
        if not self._chosen(at_hand, "forward", tries, passing):
            self._ending = "threshold" if gains else "none_left"
        elif len(at_hand) == self.most:
            self._ending = "most"
        elif len(at_hand) == len(self.plan.study.rows):
            self._ending = "none_left"

    def _backward(self, at_hand: list[int]) -> bool:
        """Judge the stack without each of its members; return whether one was dropped."""
        tries = self._judged(at_hand, "backward")
        harmless = {place: each.gain for place, each in tries.items() if each.gain is not None and each.gain >= 0.0}
        return self._chosen(at_hand, "backward", tries, harmless)

    def _judged(self, at_hand: list[int], kind: Kind) -> dict[int, Try]:
        return {place: self._try(place, stack, at_hand) for place, stack in self._around(at_hand, kind).items()}

    def _chosen(self, at_hand: list[int], kind: Kind, tries: Mapping[int, Try], gains: Mapping[int, float]) -> bool:
        """Take or drop the arm with the largest of these gains and note the round; return whether there was one."""
        chosen = max(gains, key=lambda place: gains[place]) if gains else None
        self._steps.append(
            Step(
                kind=kind,
                stack=tuple(self._names(at_hand)),
                value=self._value(_sorted(at_hand)),
                tries=tuple(tries.values()),
                chosen="" if chosen is None else self._name(chosen),
            )
        )
        if chosen is None:
            return False
        if kind == "forward":
            at_hand.append(chosen)
        else:
            at_hand.remove(chosen)
        self._path.append(list(at_hand))
        return True

    def _try(self, place: int, stack: Stack, at_hand: list[int]) -> Try:
        arm, row = self._name(place), self._row(stack)
        reason = self._refused(stack)
        if reason:
            return Try(arm=arm, row=row, state="left_out", reason=reason)
        reason = next((self._failures[row, n] for n in self._usable() if (row, n) in self._failures), "")
        if reason:
            return Try(arm=arm, row=row, state="failed", reason=reason)
        now = self._row(_sorted(at_hand))
        gains = [self._values[row, number] - self._values[now, number] for number in self._usable()]
        gain, n_gains = sum(gains) / len(gains), len(gains)
        spread = sum((each - gain) ** 2 for each in gains)
        se = math.sqrt(spread / (n_gains - 1) / n_gains) if n_gains > 1 else None
        return Try(arm=arm, row=row, state="tried", value=self._value(stack), gain=gain, se=se)

    def _usable(self) -> list[int]:
        """Replicates of the search on which base has a run; all stacks are judged on these."""
        return [number for number in range(self.plan.study.replicates) if (BASE, number) in self._values]

    def _value(self, stack: Stack) -> float:
        found = [self._values[self._row(stack), number] for number in self._usable()]
        return sum(found) / len(found)

    def _around(self, at_hand: list[int], kind: Kind) -> dict[int, Stack]:
        """Position of an arm -> the current stack with it (forward), or without it (backward)."""
        places = range(len(self.plan.study.rows))
        if kind == "forward":
            return {place: _sorted([*at_hand, place]) for place in places if place not in at_hand}
        return {place: _sorted(other for other in at_hand if other != place) for place in sorted(at_hand)}

    def _confirmed(self) -> list[Stack]:
        """Every stack on the way, the final one last; the best of the first round if no arm was taken."""
        found = [_sorted(stack) for stack in self._path] or [self._best] * (self._ending == "threshold")
        last = found[-1:]
        return [*(stack for stack in dict.fromkeys(found) if [stack] != last), *last]

    def _confirmation(self) -> list[Cell]:
        """The confirmation's cells, replicate by replicate; base and the first replicate of stacks are diagnosed."""
        asked = self.plan.study.diagnostics
        cells: list[Cell] = []
        for number in self.replicates():
            first = number == FIRST_FRESH_REPLICATE
            cells += [self.plan.cell(BASE, self.plan.base, number, asked.level)]
            cells += [self.plan.cell(A_A, self.plan.base, number)]
            for stack in self._confirmed():
                named = asked.arms is None or set(self._names(stack)) & set(asked.arms)
                level = asked.level if first and named else Level.OFF
                cells.append(self.plan.cell(self._row(stack), self._recipe(stack), number, level))
        return cells

    def _cells(self, stacks: Iterable[Stack]) -> list[Cell]:
        """The cells of stacks on the search's replicates, without stacks that cannot run and cells that have ended."""
        runnable = {self._row(stack): self._recipe(stack) for stack in stacks if not self._refused(stack)}
        return [
            self.plan.cell(row, recipe, number)
            for number in range(self.plan.study.replicates)
            for row, recipe in runnable.items()
            if (row, number) not in self._values and (row, number) not in self._failures
        ]

    def _recipe(self, stack: Stack) -> Recipe:
        return stacked(self.plan.base, self._arms(stack), self.plan.study.protocol)

    def _refused(self, stack: Stack) -> str:
        """Why a stack cannot run; empty where it can."""
        problem = left_out(self.plan.base, self._arms(stack), self.plan.study.protocol)
        return problem.reason if problem else ""

    def _row(self, stack: Stack) -> str:
        return joined(self._arms(stack)).name if stack else BASE

    def _arms(self, stack: Stack) -> list[ArmSetting]:
        return [self.plan.study.rows[place] for place in stack]

    def _names(self, stack: Iterable[int]) -> list[str]:
        return [self._name(place) for place in stack]

    def _name(self, place: int) -> str:
        return self.plan.study.rows[place].arm


def _sorted(places: Iterable[int]) -> Stack:
    return tuple(sorted(places))
