"""Levels, effects and the rank of every target in long form, for analysis with other tools."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import EnvironmentProblem
from harness.results.frame import Frame
from harness.results.manifest import BASE
from harness.results.metrics import check_metric
from harness.results.record import MODES, SPLITS, Mode, Split, check_view
from harness.stats.effects import Floats
from reports.stats.crossings import target_numbers

if TYPE_CHECKING:
    import pandas as pd


def effects_table(frame: Frame) -> pd.DataFrame:
    """Return every level and effect of a study as a tidy table.

    Only rows with cells of their own; for an alias, use the row named by ``equals`` in the ranking.  Columns: ``row``,
    ``metric``, ``split``, ``mode``, ``replicate``, ``value`` (mean over users), ``base`` (base's value in the same
    metric, split, mode and replicate) and ``effect`` (their difference); the last two are missing if base has no
    finished run of that replicate.
    """
    import pandas as pd

    numbers, metrics = frame.manifest.replicates, frame.metrics
    names = [row.name for row in frame.manifest.rows if row.status == "run" and frame.replicates(row.name)]
    views = sorted(frame.views, key=lambda view: (SPLITS.index(view[0]), MODES.index(view[1])))
    levels = {(name, view): _levels(frame, metrics, name, *view) for name in names for view in views}
    nothing = np.full((len(numbers), len(metrics)), np.nan)
    tables: list[pd.DataFrame] = []
    for (name, (split, mode)), found in levels.items():
        base = levels.get((BASE, (split, mode)), nothing)
        tables.append(
            pd.DataFrame(
                {
                    "row": name,
                    "metric": np.repeat(metrics, len(numbers)),
                    "split": split,
                    "mode": mode,
                    "replicate": np.tile(numbers, len(metrics)),
                    "value": found.T.ravel(),
                    "base": base.T.ravel(),
                    "effect": (found - base).T.ravel(),
                }
            )
        )
    if not tables:
        return pd.DataFrame(columns=["row", "metric", "split", "mode", "replicate", "value", "base", "effect"])
    return pd.concat(tables, ignore_index=True).dropna(subset="value", ignore_index=True)


def ranks_table(frame: Frame, split: Split = "test") -> pd.DataFrame:
    """Return the rank of every target in every finished run, one line per row, replicate, user and target.

    Columns: ``row``, ``replicate``, ``user`` (the source's id; a number from 0 in folders of earlier versions),
    ``target_index`` (which of the user's targets, from 1, the oldest; always 1 with one target per user), ``rank``
    (from 1, as served), ``rank_on`` and ``rank_off`` (with and without retrieval) and, if the study folder has them,
    ``target`` (the source's item id), ``history_length`` (items before the test target) and ``target_popularity``
    (training events of the test target); on the validation set these two refer to the user's last test target.
    Aliases are left out; use the row named by ``equals`` in the ranking.

    Raises:
        InputError: no such split.
    """
    import pandas as pd

    check_view(split, "served")
    modes: list[Mode] = [mode for mode in MODES[:2] if (split, mode) in frame.views]
    present = _targets(frame, split)
    user = np.nonzero(present)[0]
    known = (
        {}
        if frame.users is None
        else {name: _lined(values, present, user) for name, values in frame.users.columns(split).items()}
    )
    tables = [
        pd.DataFrame(
            {
                "row": row.name,
                "replicate": number,
                "user": user,
                "target_index": target_numbers(present)[present],
                "rank": frame.ranks(row.name, split, "served", [number])[0][present],
                **{f"rank_{mode}": frame.ranks(row.name, split, mode, [number])[0][present] for mode in modes},
                **known,
            }
        )
        for row in frame.manifest.rows
        if row.status == "run"
        for number in frame.replicates(row.name)
    ]
    if not tables:
        return pd.DataFrame(columns=["row", "replicate", "user", "target_index", "rank", "rank_on", "rank_off"])
    return pd.concat(tables, ignore_index=True)


def _targets(frame: Frame, split: Split) -> NDArray[np.bool_]:
    """Mask of the places in the ranks of a set that are targets."""
    runs = (record for cells in frame.records.values() for record in cells.values())
    return next((record.view(split, "served") > 0 for record in runs), np.ones(0, dtype=np.bool_))


def _lined(values: NDArray[Any], present: NDArray[np.bool_], user: NDArray[np.int64]) -> NDArray[Any]:
    """Values of each target, or of its user, with one line per target."""
    if values.shape == present.shape:
        return values[present]
    return (values if values.ndim == 1 else values[:, -1])[user]


def effects_parquet(frame: Frame) -> bytes:
    """:func:`effects_table` as the content of a Parquet file.

    Raises:
        EnvironmentProblem: pyarrow is missing.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as problem:
        raise EnvironmentProblem(
            f"effects.parquet needs pyarrow, which cannot be imported ({problem}); run: pip install pyarrow, "
            "then: ftr-study report FOLDER; every other file of the report is written"
        ) from problem
    output = io.BytesIO()
    parquet.write_table(pa.Table.from_pandas(effects_table(frame), preserve_index=False), output, compression="zstd")
    return output.getvalue()


def _levels(frame: Frame, metrics: Sequence[str], name: str, split: Split, mode: Mode) -> Floats:
    """Mean of every metric over users by planned replicate, ``(n_replicates, n_metrics)``; nan without a finished run.

    Metrics are 0 beyond their cut-off, so a mean needs only the number of users at each rank up to the longest cut-off;
    a user with several targets counts as a fraction at each of their ranks.
    """
    asked = [check_metric(metric) for metric in metrics]
    beyond = max(each.cutoff or int(frame.ranks(name, split, mode).max()) for each in asked) + 1
    ranks = np.arange(1, beyond + 1, dtype=np.int32)
    gains = np.stack([each.values(ranks) for each in asked], axis=1)
    levels = np.full((len(frame.manifest.replicates), len(metrics)), np.nan)
    finished = frame.replicates(name)
    for place, number in enumerate(frame.manifest.replicates):
        if number in finished:
            (found,) = frame.ranks(name, split, mode, [number])
            parts = None
            if found.ndim > 1:
                parts = np.broadcast_to(
                    1.0 / np.maximum((found > 0).sum(axis=1, keepdims=True), 1), found.shape
                ).ravel()
            counts = np.bincount(np.minimum(found, beyond).ravel(), weights=parts, minlength=beyond + 1)
            levels[place] = counts[1:] @ gains / frame.n_users
    return levels
