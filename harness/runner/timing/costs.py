"""What a run is expected to take: a backbone or a cell costs about what the last one like it cost, else by a probe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from harness.runner.timing.log import Size, Timing

Source = Literal["records", "log", "probe", "nothing"]

ALIKE = 1.5
"""Data sets whose sizes differ by less than this factor cost alike, in proportion; beyond it a probe tells more."""

LAST = 5
"""Timings of one kind that are averaged, the latest."""

REST = 8.0
"""Seconds of a run beside backbones and cells where nothing is known: start, workers, equal timestamps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe of about two seconds found, extended to the whole data.

    Attributes:
        backbone: seconds of a backbone, encodings included.
        cell_fixed, cell_epoch: seconds of base's cell that do not grow with epochs, and of an epoch.
        start: seconds that a process takes to load torch and FAISS.
    """

    backbone: float
    cell_fixed: float
    cell_epoch: float
    start: float

    def cell(self, epochs: int) -> float:
        """Seconds of a cell of so many epochs."""
        return self.cell_fixed + self.cell_epoch * epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Expected seconds.

    Attributes:
        backbone: of one that is yet to be trained and of whose kind none is among the others: as of the study's own; 0
            where none is to be trained, None where nothing tells.
        backbones: what is trained, as text -> of one of its backbones.
        cells: row -> of one cell.
        any_cell: of a cell whose row is not among them.
        rest: beside backbones and cells.
        source: the weakest of what told it.
    """

    backbone: float | None = None
    backbones: Mapping[str, float] = field(default_factory=dict[str, float])
    cells: Mapping[str, float] = field(default_factory=dict[str, float])
    any_cell: float | None = None
    rest: float = REST
    source: Source = "nothing"

    @property
    def mean_backbone(self) -> float | None:
        """Seconds of a backbone of which no more is known than that it is to be trained."""
        known = self.backbones.values() if self.backbone is not None else ()
        return sum(known) / len(known) if known else self.backbone

    def of_backbones(self, specs: Mapping[str, int]) -> float | None:
        """Seconds of backbones, which train one after another.

        Args:
            specs: what is trained, as text -> how many.
        """
        each = [(self._of_backbone(spec), n) for spec, n in specs.items()]
        known = [seconds * n for seconds, n in each if seconds is not None]
        return sum(known) if len(known) == len(each) else None

    def _of_backbone(self, spec: str) -> float | None:
        """What is not among them, such as a setting of a search, costs what the first of its kind does."""
        kind = spec.partition("(")[0]
        near = [seconds for each, seconds in self.backbones.items() if each.partition("(")[0] == kind]
        return self.backbones.get(spec, near[0] if near else self.backbone)

    def cell(self, row: str) -> float | None:
        """Seconds of a cell of that row; a search's trial costs what its arm's row costs."""
        return self.cells.get(row, self.cells.get(row.partition("[")[0], self.any_cell))

    def of_cells(self, rows: Iterable[str], workers: int) -> float | None:
        """Wall seconds of these cells, so many at a time."""
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
    """What backbones and cells of a study cost.

    Args:
        size: of its data.
        backbone: parts of the study's own backbone, which a probe trains.
        rows: row -> the parts of its recipe.
        epochs: of the budget.
        own: row -> timings of the study's own records.
        known: other timings, oldest first.
        probe: asked only where those do not tell.
        wanted: what is to be trained, as text -> its parts. One that was never trained costs what the last ones of its
            kind did, else what the study's own does.
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
    """The last backbones of exactly these parts; where there are none, the nearest of the same kind, if asked."""
    exact = [each for each in trained if each.parts == parts]
    if not exact and or_of_kind:
        exact = nearest_to(parts, [each for each in trained if each.parts.get("name") == parts.get("name")])
    return exact[-LAST:]


def _seconds(backbones: Sequence[Timing], size: Size) -> float:
    return median(scaled(each, size, None) for each in backbones)


def alike(one: Size, two: Size) -> bool:
    """Whether times on one data set say something of times on the other."""
    pairs = ((one.n_train, two.n_train), (one.n_items, two.n_items), (one.n_users, two.n_users))
    return all(max(pair) <= ALIKE * max(min(pair), 1) for pair in pairs)


def nearest_to(parts: Mapping[str, int], timings: Sequence[Timing]) -> list[Timing]:
    """The timings whose recipe differs from these parts in the fewest seams, in their order."""
    differ = [sum(parts.get(seam) != each.parts.get(seam) for seam in parts.keys() | each.parts) for each in timings]
    least = min(differ, default=0)
    return [each for each, n in zip(timings, differ, strict=True) if n == least]


def scaled(timing: Timing, size: Size, epochs: int | None) -> float:
    """The seconds of a timing on data of another size and, for a cell, with another budget of epochs.

    A run that stopped before its budget was used up is expected to stop there again.
    """
    grown = size.n_train / max(timing.size.n_train, 1) * math.sqrt(size.n_items / max(timing.size.n_items, 1))
    if epochs is None:
        return timing.seconds * grown
    stopped = timing.epochs < timing.most_epochs
    expected = min(epochs, timing.epochs) if stopped else epochs
    an_epoch = (timing.seconds - timing.fixed) / timing.epochs
    return (timing.fixed + an_epoch * expected) * grown
