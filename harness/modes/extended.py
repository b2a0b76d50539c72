"""Earlier ends of a study: whether seeds were added after a finished result could already be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.errors import InputError
from harness.modes.plan import Cell, Plan, row_of
from harness.results.folder import StudyFolder
from harness.results.manifest import A_A, BASE, ArmRow, StudyManifest
from harness.results.seeds import Seeds
from harness.stats.looks import FEWEST_SEEDS

Earlier = Sequence[tuple[int, str]]
"""Number of seeds and folder of each earlier end."""

_SEEDS = re.compile(r"\.replicates-\d+")


def earlier_ends(plan: Plan, key_of: Callable[[Cell], str], folder: StudyFolder) -> Earlier:
    """Earlier ends of the study: in its folder, in those of other ``--replicates`` and in that of the followed study.

    An end counts if it shares runs of base and of an arm with this study, had enough seeds for a verdict, and was
    declared with other seeds; so a study that is run again or resumed has no earlier end.  Ends with as many seeds as
    this study will have are kept too, because it may get more seeds later; the report leaves them out.

    Args:
        plan: of the study that is about to run.
        key_of: returns the record key of a cell.
        folder: of the study, before its manifest is written again.
    """
    study = plan.study
    declared = (study.start, study.n_compared)
    found: set[tuple[int, str]] = set()
    for other, manifest in _siblings(folder, str(study.follows.get("study", ""))):
        if _same_runs(plan, key_of, manifest):
            seeds, n_seeds = Seeds.of(manifest.seeds), len(manifest.replicates)
            found.update(seeds.earlier)
            if _ended(manifest, seeds) and (seeds.start, seeds.most or n_seeds) != declared:
                found.add((n_seeds, other.name))
    return sorted((n, name) for n, name in found if n >= FEWEST_SEEDS)


def _same_runs(plan: Plan, key_of: Callable[[Cell], str], manifest: StudyManifest) -> bool:
    """Whether both base and at least one arm share a run with the plan, on any replicate.

    In a search, results decide the recipes: base as in the study file may be a row of another name, and an arm counts
    as the same if its name and its remedies are.
    """

    def same(name: str, rows: Sequence[ArmRow]) -> bool:
        recipe = plan.recipes[name]
        numbers = sorted({number for row in rows for number in row.keys})
        return any(
            row.keys.get(number) == key
            for number in numbers
            for key in [key_of(plan.cell(name, recipe, number))]
            for row in rows
        )

    rows = [row for row in manifest.rows if row.name != A_A and row.keys]
    if not same(BASE, rows):
        return False
    if plan.spaces:
        ours = {(each.name, _remedies(each)) for each in map(row_of, plan.study.rows)}
        return any((row.name, _remedies(row)) in ours for row in rows)
    return any(same(name, rows) for name in plan.recipes if name not in (BASE, A_A))


def _remedies(row: ArmRow) -> tuple[str, ...]:
    return tuple(str(each["id"]) for each in row.remedies)


def _siblings(folder: StudyFolder, follows: str) -> Iterator[tuple[Path, StudyManifest]]:
    """Manifests of the study's folder, of folders that differ only in the number of seeds, and of the followed study.

    Args:
        follows: name of the study that this one follows; empty for none.
    """
    name = _SEEDS.sub("", folder.path.name)
    for path in sorted(folder.path.parent.glob("*/manifest.json")):
        same = _SEEDS.sub("", path.parent.name) == name
        if same or follows:
            try:
                manifest = StudyFolder(path.parent).manifest()
            except InputError:  # damaged, or of another version: this version cannot have shown its results
                continue
            if same or manifest.name == follows:
                yield path.parent, manifest


def _ended(manifest: StudyManifest, seeds: Seeds) -> bool:
    """Whether every planned cell has finished or failed, so that the report gave verdicts."""
    return seeds.ended and all(
        number in row.keys or number in row.failures or number >= seeds.set_aside.get(row.name, number + 1)
        for row in manifest.rows
        if row.status == "run"
        for number in manifest.replicates
    )
