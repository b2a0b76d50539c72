"""The ranks of a study by row and replicate, and the paired differences from which every estimate starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError, did_you_mean
from harness.results.audit import Audit
from harness.results.deltas import Deltas
from harness.results.evidence import Diagnosis
from harness.results.manifest import A_A, BASE, ArmRow, StudyItems, StudyManifest, StudyUsers
from harness.results.metrics import (
    Catalogue,
    GlobalMetric,
    check_metric,
    find_metric,
    metric_values,
    tabulated,
    user_values,
)
from harness.results.record import Mode, Ranks, RunRecord, Split, check_view
from harness.results.seeds import Seeds
from harness.results.text import ByRow

Floats = NDArray[np.float64]
CellState = Literal["done", "failed", "lost", "missing", "set_aside", "alias", "inapplicable"]

VIEWS: tuple[tuple[Split, Mode], ...] = (
    ("valid", "on"),
    ("valid", "off"),
    ("valid", "served"),
    ("test", "on"),
    ("test", "off"),
    ("test", "served"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Every rank that a study has so far.

    Attributes:
        manifest: the study as planned.
        records: row name -> replicate -> record; finished cells only.
        n_users: rows of every array of ranks, 0 where nothing has finished.
        users: what is known about the users, in the order of the ranks; None if the folder does not have it.
        items: what is known about the items; None if the folder does not have it.
        diagnoses: row name -> replicate -> the evidence measured in that run.
        references: reference row -> replicate -> record; rows of ``manifest.references``, never of the ranking.
        audit: of the study's base; None if there is none.
        views: the ranks that every record has; a study's records have all of them, a table of ranks may have fewer.
        folder: name of the folder that it was read from; empty if it was read from none.
        longest: ranks beyond this one are only known to be beyond it; None if every rank is exact.
    """

    manifest: StudyManifest
    records: Mapping[str, Mapping[int, RunRecord]]
    n_users: int
    users: StudyUsers | None = None
    items: StudyItems | None = None
    diagnoses: Mapping[str, Mapping[int, Diagnosis]] = field(default_factory=dict[str, Mapping[int, Diagnosis]])
    references: Mapping[str, Mapping[int, RunRecord]] = field(default_factory=dict[str, Mapping[int, RunRecord]])
    audit: Audit | None = None
    views: tuple[tuple[Split, Mode], ...] = VIEWS
    longest: int | None = None
    folder: str = ""

    @property
    def n_targets(self) -> int:
        """The largest number of test targets per user; 0 where nothing has finished."""
        return self.present.shape[1] if self.present.ndim > 1 else min(self.n_users, 1)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Mask of the test ranks that have a target: ``(n_users,)``, all true, or ``(n_users, n_targets)``."""
        for cells in self.records.values():
            for record in cells.values():
                return record.test > 0
        return np.ones(self.n_users, dtype=np.bool_)

    def last(self) -> Frame:
        """The same study with each user's last target only, as in leave-one-out; with one target per user, itself."""
        if self.n_targets <= 1:
            return self
        records = {
            name: {
                number: replace(
                    record,
                    **{each: _last(getattr(record, each)) for each in ("valid_on", "valid_off", "test_on", "test_off")},
                    also={key: _last(ranks) for key, ranks in record.also.items()},
                )
                for number, record in cells.items()
            }
            for name, cells in self.records.items()
        }
        users = self.users and replace(self.users, **{name: _last(each) for name, each in self.users.known.items()})
        return replace(self, records=records, users=users)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that a report tabulates, guards included, without those for which the ranks are not exact enough."""
        named = dict.fromkeys((*tabulated(self.manifest.primary), *self.manifest.guard))
        return tuple(name for name in named if self.decides(name))

    @property
    def seeds(self) -> Seeds:
        """The declared number of seeds, and which rows stopped."""
        return Seeds.of(self.manifest.seeds)

    def decides(self, metric: str) -> bool:
        """Whether the ranks are exact up to the cut-off of a metric."""
        cutoff = check_metric(metric).cutoff
        return self.longest is None or (cutoff is not None and cutoff <= self.longest)

    def __repr__(self) -> str:
        n_runs = sum(len(cells) for cells in self.records.values())
        return f"Frame({self.manifest.name!r}: {len(self.manifest.rows)} rows, {n_runs} runs, {self.n_users} users)"

    def row(self, name: str) -> ArmRow:
        """The row of that name.

        Raises:
            InputError: the study has no such row.
        """
        for row in self.manifest.rows:
            if row.name == name:
                return row
        names = [row.name for row in self.manifest.rows]
        raise InputError(f"the study has no row {name!r}{did_you_mean(name, names)}; it has {', '.join(names)}")

    def source(self, name: str) -> str:
        """The row whose cells are those of `name`: the row itself, or the one it is an alias of."""
        row = self.row(name)
        return self.source(row.alias_of) if row.status == "alias" else row.name

    def replicates(self, name: str) -> tuple[int, ...]:
        """Replicates with a finished cell, ascending."""
        return tuple(sorted(self.records.get(self.source(name), {})))

    def paired(self, name: str, against: str = BASE) -> tuple[int, ...]:
        """Replicates that both rows have, ascending."""
        others = set(self.replicates(against))
        return tuple(number for number in self.replicates(name) if number in others)

    def ranks(self, name: str, split: Split, mode: Mode, replicates: Sequence[int] | None = None) -> Ranks:
        """Ranks from 1 on the given replicates or on all that are finished, ``(n_replicates, n_users)``.

        With several targets per user ``(n_replicates, n_users, n_targets)``, a user's last target in the last column
        and 0 where the user has fewer.

        Raises:
            InputError: no such row, split or mode, records that have no such ranks, or a replicate without a finished
                run of the row.
        """
        check_view(split, mode)
        if (split, mode) not in self.views:
            known = ", ".join(" ".join(view) for view in self.views)
            raise InputError(f"there are no ranks of the {split} set, retrieval {mode}; there are {known}")
        cells = self.records.get(self.source(name), {})
        chosen = self.replicates(name) if replicates is None else replicates
        if not chosen:
            return np.empty((0, self.n_users), dtype=np.int32)
        if unknown := [number for number in chosen if number not in cells]:
            raise InputError(
                f"row {name!r} has no finished run of replicate {unknown[0]}; "
                f"it has {', '.join(map(str, self.replicates(name))) or 'none'}"
            )
        return np.stack([cells[number].view(split, mode) for number in chosen])

    def values(
        self,
        name: str,
        metric: str,
        split: Split = "test",
        mode: Mode = "served",
        replicates: Sequence[int] | None = None,
    ) -> Floats:
        """A metric by replicate and user, the mean over a user's targets, ``(n_replicates, n_users)``."""
        return user_values(self.ranks(name, split, mode, replicates), metric)

    def by_target(self, name: str, metric: str, replicates: Sequence[int] | None = None) -> Floats:
        """A metric on the test set, as served, by replicate and target, in the shape of the ranks."""
        return metric_values(self.ranks(name, "test", "served", replicates), metric)

    def overall(self, name: str, metric: str, mode: Mode = "served", replicates: Sequence[int] | None = None) -> Floats:
        """A global metric, such as coverage, on the test set by replicate, ``(n_replicates,)``.

        Raises:
            InputError: it is unknown or has a value per user, or a record does not hold what was recommended.
        """
        found = find_metric(metric)
        if not isinstance(found, GlobalMetric):
            raise InputError(f"metric {metric!r} has a value per user; ask for its values")
        check_view("test", mode)
        cells = self.records.get(self.source(name), {})
        values: list[float] = []
        for number in self.replicates(name) if replicates is None else replicates:
            lists = cells[number].recommended(mode)
            if lists is None:
                raise InputError(f"{name}, replicate {number}: its record holds no recommended items for {metric!r}")
            values.append(found.value(lists, self.catalogue))
        return np.array(values)

    @property
    def catalogue(self) -> Catalogue:
        """The items that could be recommended.

        Raises:
            InputError: the folder does not hold their popularity.
        """
        if self.items is None:
            raise InputError("the study's folder has no items.npz; run the study again, its records are kept")
        return Catalogue(n_items=len(self.items.label) - 1, popularity=self.items.popularity)

    def estimable(self) -> tuple[str, ...]:
        """Rows with cells of their own, other than base, that share at least one replicate with it."""
        return tuple(
            row.name for row in self.manifest.rows if row.status == "run" and row.name != BASE and self.paired(row.name)
        )

    def changed(self, name: str) -> bool:
        """Whether any rank, on any split and mode, differs from base's on a paired replicate."""
        base, cells = self.records.get(BASE, {}), self.records.get(self.source(name), {})
        return any(ranks_differ(base[number], cells[number], self.views) for number in self.paired(name))

    def deltas(
        self, metric: str, split: Split = "test", mode: Mode = "served", rows: Sequence[str] | None = None
    ) -> dict[str, Deltas]:
        """Paired differences from base by row, for the given rows or for all that can be estimated.

        Raises:
            InputError: no such metric, split, mode or row, or a row that shares no finished replicate with base.
        """
        base_replicates = self.replicates(BASE)
        base = self.values(BASE, metric, split, mode)
        found: ByRow[Deltas] = ByRow()
        for name in self.estimable() if rows is None else rows:
            paired = self.paired(name)
            if not paired:
                raise InputError(
                    f"row {name!r} shares no finished replicate with base; "
                    f"rows that do: {', '.join(self.estimable()) or 'none'}"
                )
            reference = base[[base_replicates.index(number) for number in paired]]
            found[name] = Deltas.of(name, paired, self.values(name, metric, split, mode, paired), reference)
        return found

    def gains(self, metric: str) -> dict[str, Deltas]:
        """Retrieval on minus retrieval off on the test set, within each row that has cells of its own.

        Only on replicates that base has too, so that it can be compared with base's gain on the same ones.
        """
        if ("test", "off") not in self.views:
            return ByRow()
        return ByRow(
            {
                row.name: Deltas.of(
                    row.name,
                    paired,
                    self.values(row.name, metric, "test", "on", paired),
                    self.values(row.name, metric, "test", "off", paired),
                )
                for row in self.manifest.rows
                if row.status == "run" and (paired := self.paired(row.name))
            }
        )

    def level(self, name: str, metric: str, mode: Mode = "served") -> float:
        """A row's mean of a metric on the test set, comparable with base's mean over all its replicates.

        Replicates differ, so the level of a row that lacks some of base's is base's level plus the mean paired
        difference on those that both have.
        """
        paired, every = self.paired(name), self.replicates(BASE)
        values = self.values(name, metric, "test", mode, paired)
        if paired == every:
            return float(values.mean())
        difference = values - self.values(BASE, metric, "test", mode, paired)
        return float(self.values(BASE, metric, "test", mode).mean() + difference.mean())

    def cell(self, name: str, replicate: int) -> CellState:
        """The state of a cell.

        ``lost``: it finished, but its record is absent or damaged; ``set_aside``: its row had stopped before.
        """
        row = self.row(name)
        if row.status != "run":
            return row.status
        if replicate in self.records.get(name, {}):
            return "done"
        if replicate in row.failures:
            return "failed"
        if replicate in row.keys:
            return "lost"
        return "set_aside" if replicate >= self.seeds.set_aside.get(name, replicate + 1) else "missing"


def _last(values: NDArray[Any]) -> NDArray[Any]:
    """The values for each user's last target, ``(n_users,)``."""
    return values[:, -1] if values.ndim > 1 else values


def ranks_differ(one: RunRecord, two: RunRecord, views: Sequence[tuple[Split, Mode]] = VIEWS) -> bool:
    """Whether any rank differs between two runs, on any of these sets of targets."""
    return any(not np.array_equal(one.view(*view), two.view(*view)) for view in views)


def judged_rows(frame: Frame) -> tuple[str, ...]:
    """Rows that can win: :meth:`Frame.estimable` without the A/A row."""
    return tuple(name for name in frame.estimable() if name != A_A)
