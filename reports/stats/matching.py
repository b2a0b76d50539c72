"""Which rows of two studies are the same arm: the same remedies at the same settings, whatever they are called."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.results.manifest import A_A, BASE, ArmRow, StudyManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Two rows, one of each study, that are the same arm."""

    a: ArmRow
    b: ArmRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Arms of two studies, base and A/A left out.

    Attributes:
        pairs: arms of both, in the order of the first study.
        only_a, only_b: arms without a partner.
        namesakes: names that both studies use for different remedies.
    """

    pairs: tuple[Match, ...]
    only_a: tuple[ArmRow, ...]
    only_b: tuple[ArmRow, ...]
    namesakes: tuple[str, ...]


def match_rows(a: StudyManifest, b: StudyManifest) -> Matching:
    """The arms of two studies, matched.

    A row goes with the one of the same name where both have the same remedies, else with the first unmatched one of
    the same remedies.  A name alone is no match: what an arm does is its remedies and their settings.
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
    """What a row does as text that two rows of the same remedies and settings share, in whatever order."""
    return json.dumps(_sorted([_bare(remedy) for remedy in row.remedies]), sort_keys=True, ensure_ascii=False)


def _bare(remedy: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": remedy.get("id"), "settings": remedy.get("settings", {})}


def _sorted(remedies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(remedies, key=lambda remedy: json.dumps(remedy, sort_keys=True))
