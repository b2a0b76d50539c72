"""Expected time of a run: a backbone or cell costs as much as the last similar ones; without any, a probe estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from harness.runner.timing.log import Size, Timing

Source = Literal["records", "log", "probe", "nothing"]

ALIKE = 1.5
"""Timings are scaled between data sets whose sizes differ by at most this factor; beyond it a probe is better."""

LAST = 5
"""Number of latest timings of one kind of which the median is taken."""

REST = 8.0
"""Seconds of a run besides backbones and cells if nothing is known: start-up, workers, tied timestamps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """The result of a probe of about two seconds, extrapolated to the whole data.

    Attributes:
        backbone: seconds of a backbone, including its encodings.
        cell_fixed, cell_epoch: seconds of base's cell that do not grow with epochs, and of one epoch.
        start: seconds that a process takes to load torch and FAISS.
    """

    backbone: float
    cell_fixed: float
    cell_epoch: float
    start: float

    def cell(self, epochs: int) -> float:
        """Seconds of a cell with this number of epochs."""
        return self.cell_fixed + self.cell_epoch * epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Expected seconds of the parts of a run.

    Attributes:
        backbone: of a backbone to train whose kind is not in ``backbones``, as for the study's own; 0 if none is to be
            trained, None if unknown.
        backbones: backbone, as text -> seconds of one such backbone.
        cells: row -> seconds of one cell.
        any_cell: of a cell whose row is not in ``cells``.
        rest: of everything besides backbones and cells.
        source: the least reliable of the sources that were used.
    """

    backbone: float | None = None
    backbones: Mapping[str, float] = field(default_factory=dict[str, float])
    cells: Mapping[str, float] = field(default_factory=dict[str, float])
    any_cell: float | None = None
    rest: float = REST
    source: Source = "nothing"

    @property
    def mean_backbone(self) -> float | None:
        """Mean seconds of a backbone to train, for callers that do not know which one."""
        known = self.backbones.values() if self.backbone is not None else ()
        return sum(known) / len(known) if known else self.backbone

    def of_backbones(self, specs: Mapping[str, int]) -> float | None:
        """Seconds of these backbones, which train one after another; None if one of them is unknown.

        Args:
            specs: backbone, as text -> how many.
        """
        each = [(self._of_backbone(spec), n) for spec, n in specs.items()]
        known = [seconds * n for seconds, n in each if seconds is not None]
        return sum(known) if len(known) == len(each) else None

    def _of_backbone(self, spec: str) -> float | None:
        """Seconds of a backbone; if not in ``backbones``, such as a search's setting, as the first of its kind."""
        kind = spec.partition("(")[0]
        near = [seconds for each, seconds in self.backbones.items() if each.partition("(")[0] == kind]
        return self.backbones.get(spec, near[0] if near else self.backbone)

    def cell(self, row: str) -> float | None:
        """Seconds of a cell of that row; a search's trial costs as much as a cell of its arm's row."""
        return self.cells.get(row, self.cells.get(row.partition("[")[0], self.any_cell))

    def of_cells(self, rows: Iterable[str], workers: int) -> float | None:
        """Wall seconds of cells of these rows on ``workers`` workers; None if a row is unknown."""
        each = [self.cell(row) for row in rows]
        known = [seconds for seconds in each if seconds is not None]
        if len(known) < len(each):
            return None
        return max(sum(known) / workers, max(known, default=0.0))


def expected_costs(
    *,
    size: Size,
    cpu: str,
    device: str,
    backbone: Mapping[str, int],
    rows: Mapping[str, Mapping[str, int]],
    epochs: int,
    own: Mapping[str, Sequence[Timing]],
    known: Sequence[Timing],
    probe: Callable[[], Probed | None],
    wanted: Mapping[str, Mapping[str, int]],
) -> Costs:
    """Return the expected costs of a study's backbones and cells.

    Args:
        size: of its data.
        backbone: parts of the study's own backbone, which a probe trains.
        rows: row -> the parts of its recipe.
        epochs: of the budget.
        own: row -> timings of the study's own records.
        known: other timings, oldest first.
        probe: called only if those timings are not enough.
        wanted: backbones to train, as text -> their parts. One that was never trained costs as much as the last ones
            of its kind, else as the study's own.
    """
    near = [each for each in known if (each.cpu, each.device) == (cpu, device) and alike(each.size, size)]
    trained = [each for each in near if each.kind == "backbone"]
    like = {spec: _like(parts, trained, or_of_kind=parts != backbone) for spec, parts in wanted.items()}
    of_own = _like(backbone, trained, or_of_kind=False)
    untold = not of_own and not all(like.values())
    ran = [each for each in near if each.kind == "cell"]
    mine = [each for timings in own.values() for each in timings]
    rests = [each.seconds for each in near if each.kind == "rest"]
    found: Probed | None = None
    if rows and (untold or not (mine or ran)):
        found = probe()
    backbones = {spec: _seconds(timings, size) for spec, timings in like.items() if timings}
    of_backbone = None if wanted else 0.0
    if wanted and of_own:
        of_backbone = _seconds(of_own, size)
    elif wanted and found is not None:
        of_backbone = found.backbone
    elif wanted and not untold:
        of_backbone = max(backbones.values())
    if of_backbone is not None:
        backbones = {spec: backbones.get(spec, of_backbone) for spec in wanted}
    cells: dict[str, float] = {}
    for row, parts in rows.items():
        nearest = list(own.get(row, ())) or nearest_to(parts, [*ran, *mine])
        if nearest:
            cells[row] = median(scaled(each, size, epochs) for each in nearest[-LAST:])
        elif found is not None:
            cells[row] = found.cell(epochs)
    rest = median(rests[-LAST:]) if rests else REST if found is None else 2.0 * found.start + REST / 2.0
    known_all = of_backbone is not None and len(cells) == len(rows)
    source: Source = "nothing" if not known_all else "probe" if found else "records" if not ran or mine else "log"
    return Costs(
        backbone=of_backbone,
        backbones=backbones,
        cells=cells,
        any_cell=sum(cells.values()) / len(cells) if cells else None,
        rest=rest,
        source=source,
    )


def _like(parts: Mapping[str, int], trained: Sequence[Timing], *, or_of_kind: bool) -> Sequence[Timing]:
    """Return the last backbones of exactly these parts; if none, and with ``or_of_kind``, the nearest of the kind."""
    exact = [each for each in trained if each.parts == parts]
    if not exact and or_of_kind:
        exact = nearest_to(parts, [each for each in trained if each.parts.get("name") == parts.get("name")])
    return exact[-LAST:]


def _seconds(backbones: Sequence[Timing], size: Size) -> float:
    return median(scaled(each, size, None) for each in backbones)


def alike(one: Size, two: Size) -> bool:
    """Whether times on one data set can be scaled to the other."""
    pairs = ((one.n_train, two.n_train), (one.n_items, two.n_items), (one.n_users, two.n_users))
    return all(max(pair) <= ALIKE * max(min(pair), 1) for pair in pairs)


def nearest_to(parts: Mapping[str, int], timings: Sequence[Timing]) -> list[Timing]:
    """The timings whose recipe differs from these parts in the fewest seams, in their order."""
    differ = [sum(parts.get(seam) != each.parts.get(seam) for seam in parts.keys() | each.parts) for each in timings]
    least = min(differ, default=0)
    return [each for each, n in zip(timings, differ, strict=True) if n == least]


def scaled(timing: Timing, size: Size, epochs: int | None) -> float:
    """The seconds of a timing, scaled to data of another size and, for a cell, to another budget of epochs.

    A run that stopped before the end of its budget is expected to stop at the same epoch again.
    """
    grown = size.n_train / max(timing.size.n_train, 1) * math.sqrt(size.n_items / max(timing.size.n_items, 1))
    if epochs is None:
        return timing.seconds * grown
    stopped = timing.epochs < timing.most_epochs
    expected = min(epochs, timing.epochs) if stopped else epochs
    an_epoch = (timing.seconds - timing.fixed) / timing.epochs
    return (timing.fixed + an_epoch * expected) * grown
