"""Sections of the page of a table of ranks: the sections of a study that have data, with a separate method section."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.checks.catalogue import STUDY_CHECKS
from harness.results.frame import Frame
from harness.results.manifest import A_A, BASE
from reports.locale import Catalogue, flat, formats, load_catalogue
from reports.ranks.framing import looks_cut
from reports.sections.answer import AnswerSection
from reports.sections.base import Part, Section, SectionInput
from reports.sections.cost import CostSection
from reports.sections.method import MethodSection
from reports.sections.method.build import method_of, statistics, titled
from reports.sections.metrics import MetricsSection
from reports.sections.modes import ModesSection
from reports.sections.protocol import protocol_sentences
from reports.sections.ranking import ForestSection, RankingSection
from reports.sections.report import Finding, note, warning
from reports.sections.who import WhoSection
from reports.sections.who.model import WhoGains
from reports.stats.crossings import CUT


class AnswerOfRanks(AnswerSection):
    """The answer section, with findings on the table itself."""

    @classmethod
    def folder(cls) -> Path:
        return AnswerSection.folder()

    def build(self, given: SectionInput) -> Part:
        part = super().build(given)
        # No A/A is the author's choice and is stated in the method; checks of a study refer to base.
        usual = [finding for finding in part.findings if finding.code not in ("aa_missing", *STUDY_CHECKS)]
        return replace(part, findings=(*usual, *_findings(given)))


class WhoOfRanks(WhoSection):
    """The section on who gains, with the user names of the table.

    Attributes:
        users: names of the users, in the order of the ranks.
    """

    def __init__(self, users: Sequence[str] = ()) -> None:
        self.users = users

    @classmethod
    def folder(cls) -> Path:
        return WhoSection.folder()

    def build(self, given: SectionInput) -> Part | None:
        part = super().build(given)
        if part is None or not isinstance(part.model, WhoGains):
            return part
        moved = tuple(replace(move, name=self.users[move.user]) for move in part.model.moved)
        return replace(part, model=replace(part.model, moved=moved))


class MethodOfRanks(MethodSection):
    """The method section: the table, its assumptions, and the statistics."""

    @classmethod
    def folder(cls) -> Path:
        return MethodSection.folder()

    def build(self, given: SectionInput) -> Part:
        method, text = method_of(given.analysis, given.decimals, given.text), given.text
        design = text(
            "method.design.text",
            n_users=f"{given.frame.n_users:,}",
            metric=given.metric,
            sesoi_relative=formats.share(given.manifest.sesoi, 1),
            sesoi=formats.number(given.analysis.sesoi, given.decimals + 1),
        )
        paragraphs = [
            ("design", [design, text("method.design.per_seed")]),
            ("protocol", list(protocol_sentences(given.frame, text))),
            *statistics(given.analysis, method.noise, given.decimals, text),
            ("limits", [text(f"method.limits.{part}") for part in ("same", "ties")]),
        ]
        baseline = given.manifest.data["baseline"]
        cells = {baseline if name == BASE else name: states for name, states in method.cells.items()}
        facts = {text("method.group.data"): tuple(_facts(given.manifest.data, text))}
        return Part(model=replace(method, paragraphs=titled(paragraphs, text), cells=cells, facts=facts, commands=()))


def sections_of(frame: Frame, users: Sequence[str]) -> tuple[Section, ...]:
    """The sections for which the table has data, in page order."""
    timed = any(record.seconds for cells in frame.records.values() for record in cells.values())
    return (
        AnswerOfRanks(),
        RankingSection(),
        *((ModesSection(),) if ("test", "off") in frame.views else ()),
        WhoOfRanks(users),
        *((CostSection(),) if timed else ()),
        MetricsSection(),
        ForestSection(),
        MethodOfRanks(),
    )


def texts_of(lang: str, *, baseline: str, noise: bool) -> Catalogue:
    """Return the report's texts in a language, with those that refer to a study replaced.

    Args:
        noise: whether one arm is base against itself (A/A).

    Raises:
        InputError: the language has no texts.
    """
    usual = load_catalogue(lang)
    layers = tomllib.loads((Path(__file__).parent / f"{lang}.toml").read_text(encoding="utf-8"))
    own = flat(layers["every"]) | (flat(layers["noise"]) if noise else {})
    name = baseline.replace("{", "{{").replace("}", "}}")
    return replace(usual, texts={**usual.texts, **{key: said.replace("{baseline}", name) for key, said in own.items()}})


def has_noise(frame: Frame) -> bool:
    """Whether one arm is base against itself (A/A), on a seed that base has."""
    return A_A in frame.estimable()


def _findings(given: SectionInput) -> list[Finding]:
    data, text = given.manifest.data, given.text
    found: list[Finding] = []
    if n_left_out := data["left_out"]:
        found.append(note("common_users", text, n_left_out=n_left_out, n_all=given.frame.n_users + n_left_out))
    if beyond := given.frame.longest:
        found.append(note("beyond", text, beyond=beyond, next=beyond + 1))
    elif cut := looks_cut(given.frame):
        largest, before, share = cut
        code = "looks_cut" if before >= CUT else "cut_short"
        found.append(warning(code, text, share=formats.share(share), largest=largest, before=before, cut=CUT))
    if n_moving := data["moving_targets"]:
        found.append(note("moving_targets", text, n=text.count("count.users", n_moving)))
    if data["half_retrieval"]:
        found.append(note("half_retrieval", text))
    return found


def _facts(data: Mapping[str, Any], text: Catalogue) -> list[tuple[str, str]]:
    """Facts on the table as label and value, in reading order; empty ones are left out."""
    comma = text("list.comma")

    def said(value: Any) -> str:
        if isinstance(value, Mapping):
            return comma.join(f"{ours} = {theirs}" for ours, theirs in value.items())
        return (
            comma.join(map(str, value))
            if isinstance(value, tuple)
            else f"{value:,}"
            if isinstance(value, int)
            else value
        )

    assumed = tuple(text(f"ranks.assumed.{each}") for each in data["assumed"])
    return [
        (text(f"ranks.fact.{key}"), said(value))
        for key, value in {**data, "assumed": assumed}.items()
        if value and text.has(f"ranks.fact.{key}")
    ]
