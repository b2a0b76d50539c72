"""Texts of checks, claims and rules in the language of the report; English comes from their own definitions."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from reports.locale import Catalogue, flat, formats, load_catalogue
from reports.sections.evidence.checks import CONFIDENCE, Check, Claim, Outcome, Sense, StudyCheck, Suggestion, fill


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTexts:
    """Texts of the evidence in one language.

    Attributes:
        catalogue: the other texts of the report.
        texts: key such as ``check.FTR101.title`` -> text; empty for English, whose texts are part of the definitions.
    """

    catalogue: Catalogue
    texts: Mapping[str, str]

    def title(self, check: Check) -> str:
        return self._or(f"check.{check.code}.title", check.title)

    def why(self, check: Check) -> str:
        return self._or(f"check.{check.code}.why", check.why)

    def advice(self, check: StudyCheck) -> str:
        """Return what to do about an issue of a study."""
        return self._or(f"check.{check.code}.advice", check.advice)

    def detected(self, outcome: Outcome, named: Mapping[str, str] | None = None) -> str:
        """Return how an issue was detected, with figures and names; empty where the check read no figures."""
        if not outcome.figures:
            return ""
        sentence = self._or(f"check.{outcome.check.code}.detected", outcome.check.detected)
        return fill(sentence, {**outcome.figures, **(named or {})})

    def margin(self, outcome: Outcome) -> str:
        """Return how far a figure is beyond its threshold, with the interval; empty where the check is yes or no."""
        if outcome.by is None or outcome.half is None or math.isinf(outcome.half):
            return ""
        key, sign = "why.margin", 1.0
        if outcome.smallest and outcome.check.sense is Sense.REVERSED:
            key, sign = "why.margin_loss", -1.0
        elif outcome.smallest:
            key = "why.margin_gain"
        values = {"by": sign * outcome.by, "half": outcome.half, "smallest": sign * outcome.smallest}
        shown = {name: formats.margin(value) for name, value in values.items()}
        level = f"{CONFIDENCE:.0%}"
        if not outcome.known:
            key_of = "why.margin_runs" if outcome.n_asked > 1 else "why.margin_near"
            level = self.catalogue(key_of, level=level)
        return self.catalogue(key, level=level, **shown)

    def says(self, claim: Claim) -> str:
        return self._or(f"claim.{claim.family}", claim.says)

    def advises(self, suggestion: Suggestion) -> str:
        """Return the advice of a suggestion's rule in a few words."""
        return self._or(f"rule.{suggestion.rule.name}.title", suggestion.rule.title)

    def condition(self, suggestion: Suggestion) -> str:
        """Return the condition of a suggestion's rule."""
        return self._or(f"rule.{suggestion.rule.name}.condition", suggestion.rule.condition)

    def because(self, suggestion: Suggestion) -> str:
        """Return the reason for a suggestion, with the figures that its rule read."""
        rule = suggestion.rule
        return fill(self._or(f"rule.{rule.name}.because", rule.because), suggestion.figures)

    def _or(self, key: str, english: str) -> str:
        return self.texts.get(key, english)


def load_evidence_texts(lang: str) -> EvidenceTexts:
    """Return the texts of one of the languages in :func:`reports.locale.languages`."""
    if lang == "en":
        return EvidenceTexts(catalogue=load_catalogue(lang), texts={})
    files = (resources.files("reports") / place / f"{lang}.toml" for place in ("locale/evidence", "checks"))
    texts = {key: said for file in files for key, said in flat(tomllib.loads(file.read_text(encoding="utf-8"))).items()}
    return EvidenceTexts(catalogue=load_catalogue(lang), texts=texts)
