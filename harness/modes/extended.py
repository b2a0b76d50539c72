"""Whether a study was given more seeds after an end of it was there to be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.errors import InputError
from harness.modes.plan import Cell, Plan
from harness.results.folder import StudyFolder
from harness.results.manifest import A_A, BASE, StudyManifest
from harness.results.seeds import Seeds
from harness.stats.looks import FEWEST_SEEDS

Earlier = Sequence[tuple[int, str]]
"""How many seeds an earlier end had, and the folder that it is in."""

_SEEDS = re.compile(r"\.replicates-\d+")


def earlier_ends(plan: Plan, key_of: Callable[[Cell], str], folder: StudyFolder) -> Earlier:
    """Ends of the same study with fewer seeds, in its folder and in those of other ``--replicates``.

    An end counts where base and an arm are the same runs, where it had seeds enough for a verdict, and where the study
    was declared otherwise: one that is run again, or goes on after it was stopped, had no earlier end.

    Args:
        plan: of the study that is to run.
        key_of: the record key of one of its cells.
        folder: of the study, before its manifest is written again.
    """
    study = plan.study
    declared = (study.start, study.replicates)
    ours = {row: key_of(plan.cell(row, recipe, 0)) for row, recipe in plan.recipes.items()}
    found: set[tuple[int, str]] = set()
    for other, manifest in _same_name(folder):
        theirs = {row.name: row.keys.get(0) for row in manifest.rows}
        shared = {row for row, key in ours.items() if theirs.get(row) == key}
        if BASE in shared and shared - {BASE, A_A}:
            seeds, n_seeds = Seeds.of(manifest.seeds), len(manifest.replicates)
            found.update(seeds.earlier)
            if _ended(manifest, seeds) and (seeds.start, seeds.most or n_seeds) != declared:
                found.add((n_seeds, other.name))
    return sorted((n, name) for n, name in found if FEWEST_SEEDS <= n < study.replicates)


def _same_name(folder: StudyFolder) -> Iterator[tuple[Path, StudyManifest]]:
    """Manifests of the study's folder, and of those whose name differs in the number of seeds alone."""
    name = _SEEDS.sub("", folder.path.name)
    for path in sorted(folder.path.parent.glob("*/manifest.json")):
        if _SEEDS.sub("", path.parent.name) == name:
            try:
                yield path.parent, StudyFolder(path.parent).manifest()
            except InputError:  # damaged, or of another version: nothing there was read by this one
                continue


def _ended(manifest: StudyManifest, seeds: Seeds) -> bool:
    """Whether every cell that was to run has run or has failed, so that the page gave verdicts."""
    return seeds.ended and all(
        number in row.keys or number in row.failures or number >= seeds.set_aside.get(row.name, number + 1)
        for row in manifest.rows
        if row.status == "run"
        for number in manifest.replicates
    )
