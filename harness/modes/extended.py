"""Whether a study was given more seeds after an end of it was there to be read."""

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
"""How many seeds an earlier end had, and the folder that it is in."""

_SEEDS = re.compile(r"\.replicates-\d+")


def earlier_ends(plan: Plan, key_of: Callable[[Cell], str], folder: StudyFolder) -> Earlier:
    """Ends of the same study, in its folder, in those of other ``--replicates`` and in that of the study it follows.

    An end counts where base and an arm are the same runs, where it had seeds enough for a verdict, and where the study
    was declared otherwise: one that is run again, or goes on after it was stopped, had no earlier end.  Those that had
    as many seeds as this one will have are kept too, since it may be given more later; the report leaves them out.

    Args:
        plan: of the study that is to run.
        key_of: the record key of one of its cells.
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
    """Whether base and an arm have a run in common with the plan, on any replicate.

    A search comes to its recipes by results: base as the study file has it may be a row of another name there, and an
    arm is the same where its name and its remedies are.
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
    """Manifests of the study's folder, of those whose name differs in the number of seeds alone, and of the followed.

    Args:
        follows: name of the study that this one follows; empty for none.
    """
    name = _SEEDS.sub("", folder.path.name)
    for path in sorted(folder.path.parent.glob("*/manifest.json")):
        same = _SEEDS.sub("", path.parent.name) == name
        if same or follows:
            try:
                manifest = StudyFolder(path.parent).manifest()
            except InputError:  # damaged, or of another version: nothing there was read by this one
                continue
            if same or manifest.name == follows:
                yield path.parent, manifest


def _ended(manifest: StudyManifest, seeds: Seeds) -> bool:
    """Whether every cell that was to run has run or has failed, so that the page gave verdicts."""
    return seeds.ended and all(
        number in row.keys or number in row.failures or number >= seeds.set_aside.get(row.name, number + 1)
        for row in manifest.rows
        if row.status == "run"
        for number in manifest.replicates
    )
