"""The content of a record or a study's folder, in lines of at most 80 columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from harness.errors import InputError
from harness.results.folder import StudyFolder
from harness.results.metrics import check_metric, tabulated
from harness.results.record import RunRecord
from harness.results.seeds import Seeds
from harness.words import shorten

STUDY_SUFFIXES = (".yaml", ".yml")

NAME = 28


def results_folder(path: Path, out: Path) -> Path:
    """Return the given path unless it is a study file.

    Raises:
        InputError: the path is a study file; the message names the folder of its results.
    """
    if path.suffix not in STUDY_SUFFIXES or path.is_dir():
        return path
    from harness.study.study import load_study
    from harness.study.types import Study

    try:
        found: Study | None = load_study(path)
    except InputError:
        found = None
    name = "NAME" if found is None else found.slug
    raise InputError(f"{path} is a study file, but this command reads results; give {out / name}")


def record_lines(record: RunRecord, out: Path) -> Iterator[str]:
    """The lines of a record: its arms, its metrics on the test set, recipe, timings, checks, curve and provenance."""
    yield f"record: {record.key}"
    named = list(_named(record.key, out))
    yield from named or [f"arm: unknown; no study in {out} names this record"]
    n_targets = f"{int((record.test > 0).sum()):,} targets of {len(record.test):,} users"
    yield f"test set, {n_targets}, as served with retrieval {record.served}:"
    yield f"  {'metric':12} {'served':>8} {'on':>8} {'off':>8}"
    for name in tabulated(named_metric(record)):
        metric = check_metric(name)
        levels = (metric.mean(ranks) for ranks in (record.test, record.test_on, record.test_off))
        yield f"  {name:12} " + " ".join(f"{level:8.4f}" for level in levels)
    for title, part in (("recipe", record.recipe), ("seconds", record.seconds), ("checks", record.checks)):
        yield f"{title}:"
        for name, value in part.items():
            yield f"  {name}: {value}"
    yield "curve, on the validation set:"
    for point in record.curve:
        shown = " ".join(f"{name} {value:.4f}" for name, value in (point.valid_on or point.valid_off).items())
        yield f"  epoch {point.epoch}{' (chosen)' if point.epoch == record.chosen_epoch else ''}: {shown}"
    yield "provenance:"
    yield json.dumps(dict(record.provenance), indent=2)


def study_lines(folder: StudyFolder) -> Iterator[str]:
    """One line per cell of a study: row, replicate, record key, chosen epoch and the primary metric on the test set.

    Raises:
        InputError: the folder holds no study, or its manifest is damaged.
    """
    manifest = folder.manifest()
    records = folder.load_records(manifest)
    n_records = sum(len(each) for each in records.values())
    primary = check_metric(manifest.primary)
    set_aside = Seeds.of(manifest.seeds).set_aside
    yield f"{manifest.name}: {len(manifest.rows)} rows, {n_records} records"
    yield f"{manifest.primary} on the test set, as served"
    yield f"{'row':{NAME}} {'replicate':>9}  {'record':24} {'epoch':>5} {shorten(manifest.primary, 8):>8}"
    for row in manifest.rows:
        name = shorten(row.name, NAME)
        if row.status != "run":
            yield f"{name:{NAME}} {f'alias of {row.alias_of}' if row.status == 'alias' else row.reason}"
            continue
        for replicate in manifest.replicates:
            start = f"{name:{NAME}} {replicate:>9}  "
            record = records.get(row.name, {}).get(replicate)
            if record is not None:
                yield f"{start}{record.key:24} {record.chosen_epoch:>5} {primary.mean(record.test):8.4f}"
            elif replicate in row.keys:
                yield f"{start}{row.keys[replicate]:24} lost or damaged"
            elif replicate in row.failures:
                yield start + "failed: " + row.failures[replicate].partition("\n")[0]
            elif replicate >= set_aside.get(row.name, replicate + 1):
                yield start + "stopped earlier"
            else:
                yield start + "not run yet"


def named_metric(record: RunRecord) -> str:
    """The last metric on the record's curve, which is its study's primary metric; ``ndcg@10`` without a curve."""
    return list(record.chosen.valid_off)[-1] if record.chosen.valid_off else "ndcg@10"


def _named(key: str, out: Path) -> Iterator[str]:
    """One line for each arm and replicate of the studies below ``out`` that uses a record."""
    for path in sorted(out.glob("*/manifest.json")):
        try:
            manifest = StudyFolder(path.parent).manifest()
        except InputError:
            continue
        for row in manifest.rows:
            for replicate, named in row.keys.items():
                if named == key:
                    yield f"arm: {row.name}, replicate {replicate} of {manifest.name} ({path.parent})"
