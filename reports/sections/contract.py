"""The contract of a report section, checked on a small study; plug-ins run it in their own tests.

::

    from reports.sections.contract import check_section

    def test_my_section() -> None:
        check_section(MySection)
"""

from __future__ import annotations

import html.parser
import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.results.frame import Frame
from harness.results.manifest import A_A, BASE, ArmRow, StudyManifest, StudyUsers
from harness.results.reading import frame_of
from harness.results.record import QUERY_MS, SERVING_BYTES, EpochPoint, RunRecord
from reports.locale import Catalogue, languages, load_catalogue
from reports.sections.assembly import build_report, environment, input_of, render_html, render_section
from reports.sections.base import Section, SectionInput
from reports.sections.registry import in_page_order, with_texts
from reports.sections.report import Report

MARKUP = "<script>alert('x')</script><b>bold</b> & \"quoted\""
"""Name of an arm of the small study, which no page may hold unescaped."""

_RESERVED = frozenset(field.name for field in fields(Report))


def check_section(section: type[Section], frame: Frame | None = None) -> Report:
    """Build, draw and render a section in every language, on a small study, with two targets per user, and base alone.

    Args:
        frame: a study for which the section is not empty; None for a small one with four arms and five seeds.

    Returns:
        The report in English.

    Raises:
        AssertionError: the section breaks the contract; the message has its id.
    """
    study = small_study() if frame is None else frame
    _check_names(section)
    others = (each for each in in_page_order() if each.id != section.id)
    every = tuple(sorted((*others, section()), key=lambda each: each.place))
    found: dict[str, Report] = {}
    for lang in languages():
        text = with_texts(load_catalogue(lang), every)
        _check_parts(section(), input_of(study, text))
        section().build(input_of(_base_alone(study), text))
        if lang == "en" and study.n_targets == 1:
            section().build(input_of(_two_targets(study), text))
        found[lang] = build_report(study, text, every)
        _check_page(section(), found[lang], text)
    page = _Page(render_html(found["en"], load_catalogue("en"), every))
    assert section.id in page.ids, f"{section.id}: it is not in the page"
    assert len(page.ids) == len(set(page.ids)), f"{section.id}: ids stand twice in the page"
    return found["en"]


def _check_names(section: type[Section]) -> None:
    assert section.id.isidentifier(), f"{section.id!r}: an id is letters, digits and underscores"
    assert section.id not in _RESERVED, f"{section.id}: report.json has a key of that name"
    taken = set(section.texts("en")) & set(load_catalogue("en").texts)
    assert not taken, f"{section.id}: the harness has texts named {', '.join(sorted(taken))}; rename its own"
    assert (section.folder() / section.template).is_file(), f"{section.id}: no {section.template} in its folder"


def _check_parts(section: Section, given: SectionInput) -> None:
    part = section.build(given)
    assert part is not None, f"{section.id}: it has nothing to say of the study; hand in one that it speaks of"
    assert part == section.build(given), f"{section.id}: built twice it says two things"
    if section.model is not None:
        assert isinstance(part.model, section.model), f"{section.id}: its model is no {section.model.__name__}"
    for figure in part.figures:
        where = f"{section.id}, figure {figure.id}"
        assert figure.rows, f"{where}: its table is empty"
        assert all(len(row) == len(figure.columns) for row in figure.rows), (
            f"{where}: rows and columns differ in length"
        )
        assert figure.title, f"{where}: it has no title"
        assert len(figure.alt) > 20, f"{where}: its text alternative says too little"


def _check_page(section: Section, report: Report, text: Catalogue) -> None:
    assert section.id in report.sections, f"{section.id}: it is not in the report"
    if section.model is not None:
        assert json.loads(report.to_json())[section.id] is not None, f"{section.id}: its model is not in report.json"
    pages = environment({section.id: section.folder()})
    content = str(render_section(section, report, text, pages))
    assert content == render_section(section, report, text, pages), f"{section.id}: rendered twice it differs"
    assert MARKUP not in content, f"{section.id}: it prints the name of an arm as markup; let the template escape it"
    assert "<script" not in content, f"{section.id}: it brings a script"
    for name in section.draw(report, text):
        assert name in report.figures, f"{section.id}: it draws {name!r}, which is no figure of the report"
    page = _Page(content)
    assert page.ids[:1] == [section.id], f"{section.id}: its template does not begin with <section id={section.id!r}>"
    assert page.n_unnamed == 0, f"{section.id}: drawings without a text alternative (aria-label)"


class _Page(html.parser.HTMLParser):
    """The ids of a page outside drawings, and the number of drawings without a text for screen readers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.n_unnamed = 0
        self._depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._depth += tag == "svg"
        if "id" in found and not self._depth:
            self.ids.append(str(found["id"]))
        if found.get("role") == "img" and not found.get("aria-label"):
            self.n_unnamed += 1

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "svg"


def small_study(n_users: int = 120, n_seeds: int = 5) -> Frame:
    """Return an in-memory study of four arms with known effects: one helps, one harms, one is named with markup."""
    shifts = {BASE: 0.0, A_A: 0.0, "helps": 0.6, "harms": -0.6, "idle": 0.02, MARKUP: 0.1}
    users = np.random.default_rng(0).standard_normal(n_users)
    records = {
        name: {number: _run(name, shift, number, users) for number in range(n_seeds)} for name, shift in shifts.items()
    }
    rows = tuple(
        ArmRow(
            name=name,
            arm=name,
            remedies=() if name in (BASE, A_A) else ({"id": f"kl.x{place}", "settings": {}, "title": name},),
            family="" if name in (BASE, A_A) else "kl",
            priority="-" if name in (BASE, A_A) else "HMLM"[place - 2],
            keys={number: f"{place:04x}{number:04x}" for number in range(n_seeds)},
        )
        for place, name in enumerate(shifts)
    )
    manifest = StudyManifest(
        name="small",
        question="Does anything help?",
        primary="ndcg@10",
        sesoi=0.01,
        seed=0,
        replicates=tuple(range(n_seeds)),
        budget={"epochs": 3, "patience": 2},
        backbone="per_seed",
        base=(),
        data={"name": "made", "fingerprint": "0", "n_users": n_users, "tied_share": 0.0},
        rows=rows,
        diagnostics={"level": "light", "mute": {}},
        provenance={"command": "ftr-study run small.yaml", "versions": {"python": "3.11"}},
    )
    known = StudyUsers(history_length=5 + np.arange(n_users) % 50, target_popularity=1 + np.arange(n_users) % 90)
    return frame_of(manifest, records, known)


def _run(name: str, shift: float, number: int, users: np.ndarray) -> RunRecord:
    own = np.random.default_rng([number, *name.encode()])
    base = users + 0.4 * np.random.default_rng(number).standard_normal(users.size)
    on, off = (
        np.maximum(np.exp(3.0 - 1.5 * score), 1.0).round().astype(np.int32)
        for score in (base + shift + 0.2 * own.standard_normal(users.size), base)
    )
    curve = tuple(
        EpochPoint(
            epoch=epoch,
            valid_on={"ndcg@10": 0.1 + 0.01 * epoch + 0.02 * shift},
            valid_off={"ndcg@10": 0.1},
            losses={"ce": 6.0 - epoch},
            seconds=1.0,
        )
        for epoch in range(1, 4)
    )
    seconds = {"total": 30.0 + 10.0 * abs(shift), "evaluate": 0.2}
    costs = {QUERY_MS: 0.2 + abs(shift), SERVING_BYTES: 1e6}
    return RunRecord(
        key=f"{name}{number}",
        valid_on=on,
        valid_off=off,
        test_on=on,
        test_off=off,
        chosen_epoch=2,
        curve=curve,
        seconds=seconds,
        costs=costs,
    )


def _two_targets(study: Frame) -> Frame:
    """Add an earlier test target per user, at twice the rank of the present one; the first user gets none."""

    def doubled(values: NDArray[Any]) -> NDArray[Any]:
        before = values * 2 if values.dtype.kind in "iu" else values
        before = np.where(np.arange(len(values)) == 0, np.zeros_like(values), before)
        return np.stack([before, values], axis=1).astype(values.dtype)

    records = {
        name: {
            number: replace(
                record,
                test_on=doubled(record.test_on),
                test_off=doubled(record.test_off),
                also={key: doubled(ranks) for key, ranks in record.also.items()},
            )
            for number, record in cells.items()
        }
        for name, cells in study.records.items()
    }
    of_test = ("history_length", "target_popularity", "test_target")
    known = {} if study.users is None else study.users.known
    users = study.users and replace(study.users, **{key: doubled(known[key]) for key in of_test if key in known})
    manifest = replace(study.manifest, protocol={**study.manifest.protocol, "targets": 2})
    return frame_of(manifest, records, users, views=study.views, longest=study.longest)


def _base_alone(study: Frame) -> Frame:
    rows = tuple(row for row in study.manifest.rows if row.name == BASE)
    return frame_of(replace(study.manifest, rows=rows, course={}), {BASE: study.records[BASE]}, study.users)
