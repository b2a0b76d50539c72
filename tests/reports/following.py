"""Small studies with a study file in their folder, of which rules of the next study are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.modes.planning import make_plan
from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from harness.study.study import read_study
from harness.study.types import Study
from reports.locale import load_catalogue
from reports.next.build import next_of
from reports.next.catalogue import NEXT_RULES
from reports.next.given import Given, given_of
from reports.next.model import NextStudy, Proposal
from reports.sections.assembly import input_of
from reports.sections.registry import in_page_order, with_texts
from tests.reports.diagnosed import HEALTHY, diagnose
from tests.reports.worlds import Arm, study

BETTER, EQUAL, OPEN = Arm(shift=0.6), Arm(touched=0.0), Arm(shift=0.02)
NO_GAIN = {**HEALTHY, "head_room.oracle_alpha": 0.09}
"""Evidence that advises nothing that pays."""

CONFIRMS = {"study": "first", "expects": {"reverse": {"rule": "confirm_winner", "verdict": "better"}}}

HEAD = "name: tested\ndata: ml-100k\n"

STACKS: Mapping[str, Sequence[str]] = {
    "reverse": ["kl.reverse"],
    "js": ["kl.symmetric"],
    "cosine": ["wiring.cosine"],
    "seen": ["wiring.filter_seen"],
    "seen_product": ["wiring.filter_seen", "wiring.overlap", "wiring.product"],
    "unfreeze": ["training.unfreeze"],
    "weight": ["kl.weight"],
    "product": ["wiring.overlap", "wiring.product"],
    "gru": ["backbone.gru4rec"],
    "gru_product": ["backbone.gru4rec", "wiring.overlap", "wiring.product"],
    "gru4rec": ["backbone.gru4rec"],
}
"""Arm -> its remedies."""


def followed(
    path: Path,
    arms: Mapping[str, Arm],
    *,
    content: str = HEAD,
    figures: Mapping[str, float] | None = None,
    rows: Mapping[str, Mapping[str, float]] | None = None,
    follows: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    diagnosed: Mapping[str, Sequence[int]] | None = None,
    **options: Any,
) -> StudyFolder:
    """A study of these arms, with the study file that would have made it.

    Args:
        content: keys of the study file without its arms.
        figures: evidence of base; none where None.
        rows: evidence of other rows.
        follows, overrides: of the manifest.
        diagnosed: row -> replicates whose runs were measured; all where None.
    """
    folder = study(path, arms, **{"n_users": 300, **options})
    manifest = folder.manifest()
    written = "".join(f"  {name}: [{', '.join(STACKS[name])}]\n" for name in arms if name in STACKS)
    file = {
        "path": "/anywhere/tested.yaml",
        "content": f"{content}arms:\n{written}" if arms else content + "arms: {}\n",
    }
    of_rows = tuple(
        replace(row, remedies=tuple({"id": id, "settings": {}, "title": id} for id in STACKS[row.name]))
        if row.name in STACKS
        else row
        for row in manifest.rows
    )
    made = replace(
        manifest,
        name="tested",
        rows=of_rows,
        file={**file, "overrides": dict(overrides or {})},
        follows=dict(follows or {}),
    )
    folder.write_manifest(made)
    measured = {**({"base": figures} if figures is not None else {}), **(rows or {})}
    return diagnose(folder, measured, replicates=diagnosed) if measured else folder


def given(folder: StudyFolder, lang: str = "en") -> Given:
    """What rules see of a folder."""
    text = with_texts(load_catalogue(lang), in_page_order())
    found = given_of(input_of(read_frame(folder), text))
    assert found is not None
    return found


def proposals(folder: StudyFolder) -> dict[str, Proposal]:
    """Rule -> what it would run, of those that propose anything."""
    seen = given(folder)
    asked = {rule.name: rule.propose(seen) for rule in NEXT_RULES}
    return {name: found for name, found in asked.items() if found is not None}


def next_study(folder: StudyFolder, lang: str = "en") -> NextStudy:
    """The next study of a folder."""
    found = next_of(given(folder, lang).section)
    assert found is not None
    return found


def read(found: NextStudy) -> Study:
    """Its file, checked as ``run`` checks it."""
    return read_study(found.file.encode(), Path("next.yaml"))


def stacks(folder: StudyFolder) -> dict[str, set[str]]:
    """Arm -> ids of its remedies, of the study file of the next study, which composes."""
    study = read(next_study(folder))
    make_plan(study)
    return {row.name: {each.id for each in row.stack} for row in study.rows}
