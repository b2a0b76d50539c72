"""The section on who gains: effects by group of users, and users gained and lost, in words and figures."""

from __future__ import annotations

from collections.abc import Sequence

from harness.results.manifest import A_A, BASE
from reports.locale import Catalogue, formats
from reports.sections.answer.build import headline
from reports.sections.base import SectionInput
from reports.sections.report import Row, ends, filled
from reports.sections.who.model import GroupCell, GroupRow, UserGroup, WhoGains
from reports.stats.analysis import Analysis
from reports.stats.crossings import CUT, moves
from reports.stats.groups import MIN_USERS, Group, Subgroups

MOST_NAMED = 3


def who_gains(given: SectionInput) -> WhoGains | None:
    """Return effects by group of users; None where no row can be compared with base.

    Gained and lost users are those of the row that the answer is about, else of the arm with the highest estimate.
    """
    analysis, text = given.analysis, given.text
    found = analysis.subgroups
    drawn = [row for row in given.rows if row.name in analysis.effects and row.kind != "base"]
    if found is None or not drawn:
        return None
    groups = tuple(_user_group(group, text) for group in found.groups)
    listed = tuple(_group_row(row, found) for row in drawn)
    _, best = headline(analysis, given.rows)
    star = best.name if best else next((row.name for row in drawn if row.kind == "arm"), "")
    untested = "who.lead_none" if analysis.progress.complete else "who.lead_partial"
    lead = "who.lead_one" if analysis.one_seed else "who.lead" if found.n_tests else untested
    moved = moves(analysis.frame, star) if star else ()
    return WhoGains(
        groups=groups,
        rows=listed,
        n_tests=found.n_tests,
        lead=text(lead, metric=given.metric, n_tests=text.count("count.tests", found.n_tests)),
        sentence=_sentence(analysis, groups, listed, found.n_tests, given.decimals, text),
        notes=_notes(analysis, groups, listed, text),
        crossing=_crossing(analysis, star, text) if star else "",
        moved_by=star if moved else "",
        moved=moved,
    )


def _user_group(group: Group, text: Catalogue) -> UserGroup:
    kind = "_open" if group.high is None else "_single" if group.low == group.high else ""
    label = text(f"who.group.{group.factor}{kind}", low=group.low, high=group.high)
    return filled(UserGroup, group, label=label, base=group.level)


def _group_row(row: Row, found: Subgroups) -> GroupRow:
    found_in = (found.effects.get((place, row.name)) for place in range(len(found.groups)))
    cells = tuple(effect and GroupCell(**ends(effect), p=effect.p, q=effect.q) for effect in found_in)
    return GroupRow(name=row.name, kind=row.kind, effect=row.effect or 0.0, cells=cells)


def group_name(group: UserGroup, text: Catalogue) -> str:
    """Return a group's name from its factor and values, such as ``history 3–18 items``."""
    return f"{text(f'who.factor_short.{group.factor}')} {group.label}"


def _sentence(
    analysis: Analysis,
    groups: Sequence[UserGroup],
    rows: Sequence[GroupRow],
    n_tests: int,
    decimals: int,
    text: Catalogue,
) -> str:
    """Return a sentence on the largest significant effects by group; with one seed, on the largest effect."""
    cells = [
        (cell, row.name, group)
        for row in rows
        if row.kind == "arm"
        for cell, group in zip(row.cells, groups, strict=True)
        if cell is not None and (analysis.one_seed or (cell.q is not None and cell.q < 0.05))
    ]
    if not cells:
        return text("who.found_none") if n_tests else ""
    cells.sort(key=lambda each: (-abs(each[0].effect), each[1]))
    named = (
        {"arm": name, "group": group_name(group, text), "effect": formats.signed(cell.effect, decimals)}
        for cell, name, group in cells[: 1 if analysis.one_seed else MOST_NAMED]
    )
    items = [text("who.found_item", **each) for each in named]
    if analysis.one_seed:
        return text("who.found_one", list=items[0])
    return text(
        "who.found", n_found=len(cells), n_tests=text.count("count.tests", n_tests), list=text("list.comma").join(items)
    )


def _notes(
    analysis: Analysis, groups: Sequence[UserGroup], rows: Sequence[GroupRow], text: Catalogue
) -> tuple[str, ...]:
    notes: list[str] = []
    factors = {group.factor for group in groups}
    if "backbone" in factors:
        notes.append(text("who.bands"))
    elif len(analysis.frame.replicates(BASE)) < 2:
        notes.append(text("who.missing.backbone"))
    if analysis.frame.users is None:
        notes.append(text("who.missing.users"))
    small = [
        group_name(group, text) for place, group in enumerate(groups) if any(row.cells[place] is None for row in rows)
    ]
    if small:
        notes.append(text("who.few", n=MIN_USERS, list=text("list.comma").join(small)))
    return tuple(notes)


def _crossing(analysis: Analysis, name: str, text: Catalogue) -> str:
    crossing = analysis.crossings.get(analysis.frame.source(name))
    if crossing is None:
        return ""
    low, high = formats.interval((crossing.low, crossing.high), 1)
    parts = [
        text(
            "who.crossing_lead",
            arm=name,
            gained=formats.number(crossing.gained, 1),
            lost=formats.number(crossing.lost, 1),
            net=formats.signed(crossing.net, 1),
            low=low,
            high=high,
            cut=CUT,
        )
    ]
    if crossing.gained_always is not None:
        parts.append(text("who.crossing_always", gained=crossing.gained_always, lost=crossing.lost_always))
    noise = analysis.crossings.get(A_A)
    if noise is not None:
        gained, lost = formats.number(noise.gained, 1), formats.number(noise.lost, 1)
        parts.append(text("who.crossing_noise", gained=gained, lost=lost))
    return text("list.sentences").join(parts)
