"""The one-page diagnosis of a base: its obstacles, the ten claims, and what to try."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.errors import InputError
from harness.files import write_atomically
from harness.results.folder import StudyFolder
from harness.results.gaps import gone_text, lost_diagnoses
from harness.results.manifest import BASE, StudyManifest
from harness.results.reading import read_frame
from harness.words import within_a_sentence
from reports.locale import Catalogue, formats, load_catalogue
from reports.next.build import next_of
from reports.output.diagnosis.model import DiagnosisPage
from reports.output.following import write_next
from reports.output.index.page import refresh_index
from reports.output.naming import named
from reports.sections.assembly import environment, input_of, marked, render_page
from reports.sections.evidence.claims.build import judged_claims
from reports.sections.evidence.measured import Evidence, evidence_of
from reports.sections.evidence.predictions.build import Advice, advice_of
from reports.sections.evidence.why import headroom, reach
from reports.sections.evidence.why.drawings import drawn
from reports.sections.evidence.why.mixtures import mixtures_of
from reports.sections.method.facts import commands_of, facts_of
from reports.sections.next import NextSection
from reports.sections.registry import with_texts

MOST_OBSTACLES = 3


def write_diagnosis(folder: StudyFolder, lang: str = "en") -> Path:
    """Write ``diagnosis.html``, ``diagnosis.json`` and ``next.yaml`` into a study folder, from the evidence of base.

    Returns:
        The path of the page.

    Raises:
        InputError: no such language, no study in the folder, or the evidence of base is absent or incomplete.
        EnvironmentProblem: the folder cannot be written.
    """
    text = with_texts(load_catalogue(lang), (NextSection(),))
    manifest = folder.manifest()
    base = tuple(row for row in manifest.rows if row.name == BASE)
    alone = replace(manifest, rows=base)
    diagnoses = folder.load_diagnoses(alone)
    if gone := gone_text(str(folder.path), diagnoses=lost_diagnoses(base, diagnoses)):
        raise InputError(gone)
    evidence = evidence_of(manifest, diagnoses, lang)
    if not evidence.measured:
        raise InputError(
            f"{folder.path} holds no diagnosis of base, so there is nothing to say of it; "
            "run: ftr-study diagnose STUDY.yaml, or run the study with  diagnostics: light  in its file"
        )
    frame = read_frame(folder)
    of_base = replace(frame, manifest=alone, records={name: own for name, own in frame.records.items() if name == BASE})
    following = next_of(input_of(of_base, text))
    diagnosis = replace(diagnose(manifest, evidence, text), following=following)
    page = folder.path / named("diagnosis.html", lang)
    write_atomically(folder.path / named("diagnosis.json", lang), diagnosis.to_json().encode())
    if base == manifest.rows:  # if the study has arms, its report writes the file
        write_next(folder.path / "next.yaml", following)
    write_atomically(page, render_diagnosis(diagnosis, text).encode())
    refresh_index(folder.path, lang)
    return page


def diagnose(manifest: StudyManifest, evidence: Evidence, text: Catalogue) -> DiagnosisPage:
    """Return the content of the page and of ``diagnosis.json`` for a base."""
    checks = tuple(evidence.check(each) for each in evidence.checks[BASE].values())
    obstacles = evidence.obstacles(MOST_OBSTACLES)
    advice = advice_of(evidence, text)
    n_runs = text.count("count.runs", len(evidence.runs(BASE)))
    data = str(manifest.data.get("name", ""))
    base = " + ".join(manifest.base)
    arm = evidence.arm(BASE)
    seconds = math.fsum(found.seconds for found in evidence.diagnoses[BASE].values())
    return DiagnosisPage(
        lang=text.lang,
        study=manifest.name,
        heading=text("diagnosis.heading_base" if base else "diagnosis.heading", data=data, base=base),
        made_from=text(
            "diagnosis.made_from",
            n_runs=n_runs,
            n_epochs=manifest.budget["epochs"],
            n_users=f"{int(manifest.data.get('n_users', 0)):,}",
        ),
        answer=_answer(evidence, text),
        obstacles=obstacles,
        claims=judged_claims(evidence, text),
        try_out=tuple(each for each in advice if each.expected != "idle"),
        idle=idle_of(advice),
        figures={figure.id: figure for figure in (headroom.table(evidence, text), reach.table(evidence, text))},
        mixtures=mixtures_of(evidence, text),
        checks=checks,
        unmeasured=evidence.unmeasured(),
        arm=arm,
        method=text("diagnosis.method_text", n_runs=n_runs, level=arm.level, seconds=formats.seconds(seconds)),
        facts=facts_of(manifest, text),
        commands=commands_of(manifest),
    )


def _answer(evidence: Evidence, text: Catalogue) -> str:
    found = evidence.obstacles(MOST_OBSTACLES)
    if found:
        first, *rest = (each.title for each in found)
        return text("diagnosis.answer", titles=text("list.notes").join((first, *map(within_a_sentence, rest))))
    if not any(evidence.runs(BASE)):
        return text("diagnosis.answer_unmeasured")
    n_passed = sum(each.status.value == "passed" for each in evidence.checks[BASE].values())
    return text("diagnosis.answer_none", n_passed=n_passed)


def idle_of(advice: Sequence[Advice]) -> tuple[Advice, ...]:
    """Advice that predicts no effect, without stacks for which another rule predicts one."""
    wanted = {stack.ids for each in advice if each.expected != "idle" for stack in each.stacks}
    rest = (
        replace(each, stacks=tuple(stack for stack in each.stacks if stack.ids not in wanted))
        for each in advice
        if each.expected == "idle"
    )
    return tuple(each for each in rest if each.stacks)


def render_diagnosis(diagnosis: DiagnosisPage, text: Catalogue) -> str:
    """The page of a diagnosis as one self-contained HTML file."""
    text = with_texts(text, (NextSection(),))
    pages = environment({"diagnosis": Path(__file__).parent, "next": NextSection.folder()})
    drawings = marked(partial(drawn, diagnosis.figures, (BASE,), text))
    return render_page(pages, "diagnosis/diagnosis.html.j2", diagnosis, text, drawings=drawings)
