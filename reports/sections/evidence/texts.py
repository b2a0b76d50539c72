"""What checks, claims and rules say, in the language of the report; their English is their own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from reports.locale import flat
from reports.sections.evidence.checks import RULES, Check, Claim, Outcome, Rule, Suggestion

RULE: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


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
        template = self._or(f"check.{outcome.check.code}.detected", outcome.check.detected)
        return template.format(**_places(outcome.figures))

    def says(self, claim: Claim) -> str:
        return self._or(f"claim.{claim.family}", claim.says)

    def advises(self, suggestion: Suggestion) -> str:
        """What its rule advises, in a few words."""
        return self._or(f"rule.{suggestion.rule}.title", RULE[suggestion.rule].title)

    def condition(self, suggestion: Suggestion) -> str:
        """When its rule holds."""
        return self._or(f"rule.{suggestion.rule}.condition", RULE[suggestion.rule].condition)

    def because(self, suggestion: Suggestion, figures: Mapping[str, float]) -> str:
        """Why it is made, with the figures that its rule read."""
        key = f"rule.{suggestion.rule}.because"
        if key not in self.texts:
            return suggestion.because
        return self.texts[key].format(**_places({name: figures[name] for name in RULE[suggestion.rule].reads}))

    def _or(self, key: str, english: str) -> str:
        return self.texts.get(key, english)


def load_evidence_texts(lang: str) -> EvidenceTexts:
    """The texts of a language that :func:`reports.locale.languages` names."""
    if lang == "en":
        return EvidenceTexts(texts={})
    file = resources.files("reports.locale").joinpath("evidence", f"{lang}.toml")
    return EvidenceTexts(texts=flat(tomllib.loads(file.read_text(encoding="utf-8"))))


def _places(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures by names that a format string can hold, dots as underscores."""
    return {name.replace(".", "_"): value for name, value in figures.items()}
