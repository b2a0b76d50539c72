"""What checks, claims and rules say, in the language of the report; their English is their own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from reports.locale import flat
from reports.sections.evidence.checks import Check, Claim, Outcome, Suggestion, fill


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTexts:
    """Texts of the evidence in one language.

    Attributes:
        texts: such as ``check.FTR101.title`` -> text; empty for English, whose texts stand beside the thresholds.
    """

    texts: Mapping[str, str]

    def title(self, check: Check) -> str:
        return self._or(f"check.{check.code}.title", check.title)

    def why(self, check: Check) -> str:
        return self._or(f"check.{check.code}.why", check.why)

    def detected(self, outcome: Outcome) -> str:
        """How a check was detected, with its figures; empty where it read none."""
        if not outcome.figures:
            return ""
        return fill(self._or(f"check.{outcome.check.code}.detected", outcome.check.detected), outcome.figures)

    def says(self, claim: Claim) -> str:
        return self._or(f"claim.{claim.family}", claim.says)

    def advises(self, suggestion: Suggestion) -> str:
        """What its rule advises, in a few words."""
        return self._or(f"rule.{suggestion.rule.name}.title", suggestion.rule.title)

    def condition(self, suggestion: Suggestion) -> str:
        """When its rule holds."""
        return self._or(f"rule.{suggestion.rule.name}.condition", suggestion.rule.condition)

    def because(self, suggestion: Suggestion) -> str:
        """Why it is made, with the figures that its rule read."""
        rule = suggestion.rule
        return fill(self._or(f"rule.{rule.name}.because", rule.because), suggestion.figures)

    def _or(self, key: str, english: str) -> str:
        return self.texts.get(key, english)


def load_evidence_texts(lang: str) -> EvidenceTexts:
    """The texts of a language that :func:`reports.locale.languages` names."""
    if lang == "en":
        return EvidenceTexts(texts={})
    file = resources.files("reports.locale").joinpath("evidence", f"{lang}.toml")
    return EvidenceTexts(texts=flat(tomllib.loads(file.read_text(encoding="utf-8"))))
