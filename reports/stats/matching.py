"""Rows of two studies matched by arm: the same remedies at the same settings, whatever their names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.results.manifest import A_A, BASE, ArmRow, StudyManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Two rows, one from each study, that are the same arm."""

    a: ArmRow
    b: ArmRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Arms of two studies, base and A/A left out.

    Attributes:
        pairs: arms in both studies, in the order of the first.
        only_a, only_b: arms without a partner.
        namesakes: names that both studies use for different remedies.
    """

    pairs: tuple[Match, ...]
    only_a: tuple[ArmRow, ...]
    only_b: tuple[ArmRow, ...]
    namesakes: tuple[str, ...]


def match_rows(a: StudyManifest, b: StudyManifest) -> Matching:
    """Match the arms of two studies.

    A row is paired with the row of the same name if both have the same remedies and settings, else with the first
    unmatched row that has them.  The name alone is not a match, because the remedies and settings define the arm.
    """
    rows_a, rows_b = ([row for row in study.rows if row.name not in (BASE, A_A)] for study in (a, b))
    by_name = {row.name: row for row in rows_b}
    partner: dict[str, ArmRow] = {}
    for row in rows_a:
        other = by_name.get(row.name)
        if other is not None and recipe_of(row) == recipe_of(other):
            partner[row.name] = other
    taken = {row.name for row in partner.values()}
    for row in rows_a:
        if row.name in partner:
            continue
        other = next((each for each in rows_b if each.name not in taken and recipe_of(each) == recipe_of(row)), None)
        if other is not None:
            partner[row.name] = other
            taken.add(other.name)
    return Matching(
        pairs=tuple(Match(a=row, b=partner[row.name]) for row in rows_a if row.name in partner),
        only_a=tuple(row for row in rows_a if row.name not in partner),
        only_b=tuple(row for row in rows_b if row.name not in taken),
        namesakes=tuple(
            row.name for row in rows_a if row.name in by_name and recipe_of(row) != recipe_of(by_name[row.name])
        ),
    )


def recipe_of(row: ArmRow) -> str:
    """The remedies and settings of a row as text, equal for two rows with the same ones in any order."""
    return json.dumps(_sorted([_bare(remedy) for remedy in row.remedies]), sort_keys=True, ensure_ascii=False)


def _bare(remedy: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": remedy.get("id"), "settings": remedy.get("settings", {})}


def _sorted(remedies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(remedies, key=lambda remedy: json.dumps(remedy, sort_keys=True))
