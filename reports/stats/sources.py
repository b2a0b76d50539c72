"""Effects without validation targets in the memory, for rows whose runs add them to score the test set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.results.deltas import Deltas
from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.results.metrics import user_values
from harness.results.record import RunRecord
from harness.stats.effects import Effect, Floats, study_effects
from reports.stats.groups import changed_deltas

WITHOUT_VALID_TARGETS = "test_on_without_valid_targets"
"""Name of the extra ranks in a record: test set, retrieval on, the memory as for the validation set."""


def rows_with_valid_targets(frame: Frame) -> tuple[str, ...]:
    """Rows served from a memory with validation targets in at least one run; all rows if base is."""
    users = {name for name, cells in frame.records.items() if any(_differs(record) for record in cells.values())}
    return tuple(name for name in frame.estimable() if name in users or BASE in users)


def without_valid_targets(
    frame: Frame, metric: str | None = None, *, deltas: Mapping[str, Deltas] | None = None
) -> dict[str, Effect]:
    """Return the effects of :func:`rows_with_valid_targets`, both arm and base without validation targets in memory.

    Seed variances are moderated across all arms of the study; these rows enter with their differences as scored here.

    Args:
        metric: the primary metric if None.
        deltas: differences of the rows that changed a rank, A/A included, on that metric, if already computed.
    """
    metric = metric or frame.manifest.primary
    found = changed_deltas(frame, metric) if deltas is None else dict(deltas)
    rows = [name for name in rows_with_valid_targets(frame) if name in found]
    for name in rows:
        paired = frame.paired(name)
        base = _values(frame, BASE, metric, paired)
        found[name] = Deltas(
            row=name,
            replicates=paired,
            values=_values(frame, name, metric, paired) - base,
            reference=base.mean(axis=1),
        )
    effects = study_effects(found) if rows else {}
    return {name: effects[name] for name in rows}


def _differs(record: RunRecord) -> bool:
    return record.served == "on" and WITHOUT_VALID_TARGETS in record.also


def _values(frame: Frame, name: str, metric: str, replicates: tuple[int, ...]) -> Floats:
    cells = frame.records[name]
    ranks = [
        cells[number].also[WITHOUT_VALID_TARGETS] if _differs(cells[number]) else cells[number].test
        for number in replicates
    ]
    return user_values(np.stack(ranks), metric)
