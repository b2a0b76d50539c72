"""The interface of a report section: it builds a typed model from the study, draws its figures and has a template."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.results.frame import Frame
from harness.results.manifest import StudyManifest
from reports.checks.base import Asked
from reports.drawing.figure import Drawn, Figure
from reports.locale import Catalogue, formats, texts_beside
from reports.sections.evidence.measured import Evidence
from reports.sections.report import Finding, Report, Row
from reports.stats.analysis import Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionInput:
    """The input of :meth:`Section.build`: one study in one language.

    Attributes:
        rows: the rows of the ranking.
        study_checks: code -> check of the study.
        decimals: number of decimals at which effects are printed.
        text: the language of the report, with the texts of every section.
    """

    analysis: Analysis
    rows: tuple[Row, ...]
    evidence: Evidence
    study_checks: Mapping[str, Asked]
    decimals: int
    text: Catalogue

    @property
    def frame(self) -> Frame:
        return self.analysis.frame

    @property
    def manifest(self) -> StudyManifest:
        return self.analysis.frame.manifest

    @property
    def metric(self) -> str:
        """The label of the primary metric as papers write it."""
        return formats.metric_label(self.analysis.primary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The result of building a section for one study.

    Attributes:
        model: an instance of :attr:`Section.model`; None for a section that has only figures.
        figures: the tables that the section draws; their ids are unique in the report.
        findings: what a reader must know before believing the answer.
    """

    model: object | None = None
    figures: tuple[Figure, ...] = ()
    findings: tuple[Finding, ...] = ()


class Section(ABC):
    """A section of ``report.html`` and, where it has a model, a key of ``report.json``.

    A section is one folder: this class in its ``__init__.py``, code that builds and draws, a template, and optionally
    its own texts as ``en.toml``, ``zh.toml`` (texts that a language lacks are in English).  Built-in sections are found
    by their folders in ``reports.sections``, those of a plug-in by its entry point in the group ``ftr_study.sections``.
    The page is made from the report alone: ``draw`` and the template can use only what ``report.json`` holds.

    Attributes:
        id: anchor in the page and key in ``report.json``; the text ``nav.ID`` is its name in the table of contents.
        place: sort key of the sections; those of the harness are at least 25 apart.
        folded: whether the page shows only one line until a reader opens it: the title and the text ``question.ID``,
            the question that the section answers.  Folded sections follow all others.
        model: type of the model; None for a section that has only figures.
        template: file in the section's folder, rendered with ``report``, ``model``, ``drawings``, ``t`` (the texts),
            ``NONE`` (a dash) and :meth:`variables`.
    """

    id: ClassVar[str]
    place: ClassVar[int]
    folded: ClassVar[bool] = False
    model: ClassVar[type | None] = None
    template: ClassVar[str]

    @abstractmethod
    def build(self, given: SectionInput) -> Part | None:
        """Return the section's part of the report; None leaves the section out."""

    def draw(self, report: Report, text: Catalogue) -> Mapping[str, Drawn]:
        """Return figure id -> drawing, made from the report alone; figures with empty tables are left out."""
        return {}

    def variables(self, report: Report) -> Mapping[str, object]:
        """Return further variables for the template."""
        return {}

    @classmethod
    def folder(cls) -> Path:
        """Return the folder that holds the template and the texts."""
        return Path(inspect.getfile(cls)).parent

    @classmethod
    def texts(cls, lang: str) -> dict[str, str]:
        """Return the section's own texts by dotted key; those that a language lacks are in English."""
        return texts_beside(cls.folder(), lang)

    def title(self, text: Catalogue) -> str:
        """Return the section's name in the table of contents."""
        return text(f"nav.{self.id}")

    def question(self, text: Catalogue) -> str:
        """Return the question that the section answers, in one sentence; empty where there is no such text."""
        return text(key) if text.has(key := f"question.{self.id}") else ""
