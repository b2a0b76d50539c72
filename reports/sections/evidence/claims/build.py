"""The ten claims: whether the mechanism is there in base, and whether the family's remedies help."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.claims import CLAIMS, Claim, judge
from harness.results.manifest import BASE
from reports.locale import Catalogue, formats
from reports.sections.evidence.measured import Evidence
from reports.sections.evidence.model import ClaimCard, Claims, FamilyRemedy
from reports.sections.evidence.texts import EvidenceTexts
from reports.sections.report import Row

SETTLED = ("better", "worse", "equivalent", "no_effect", "inapplicable")


def claims_of(
    evidence: Evidence, rows: Sequence[Row], base: Sequence[str], decimals: int, text: Catalogue, words: EvidenceTexts
) -> Claims:
    """The claims, judged on base and on the rows of the ranking.

    Args:
        rows: of the ranking; none in a study of base alone.
        base: the study's base stack.
    """
    if not evidence.measured:
        return Claims(sentence=unmeasured_text(evidence, text), note="", cards=())
    cards = tuple(_card(claim, evidence, rows, decimals, text, words) for claim in CLAIMS)
    counts = {kind: sum(card.mechanism == kind for card in cards) for kind in ("found", "not_found", "not_measured")}
    return Claims(
        sentence=text("claims.sentence", n=len(cards), **counts),
        note=text("claims.base_stack", base=" + ".join(base)) if base else "",
        cards=cards,
    )


def unmeasured_text(evidence: Evidence, text: Catalogue) -> str:
    """That there is no evidence, and how to get some."""
    return text("claims.off" if evidence.level == "off" else "claims.none")


def _card(
    claim: Claim, evidence: Evidence, rows: Sequence[Row], decimals: int, text: Catalogue, words: EvidenceTexts
) -> ClaimCard:
    found = evidence.checks[BASE]
    mechanism = judge(claim, found).value
    family = [row for row in rows if row.kind == "arm" and row.family == claim.family and row.verdict != "alias"]
    remedy = best_of(family)
    effect = effect_of(family)
    stacks = [
        row.name
        for row in rows
        if len(row.remedies) > 1 and any(each.partition(".")[0] == claim.family for each in row.remedies)
    ]
    return ClaimCard(
        number=claim.number,
        family=claim.family,
        title=text(f"problem.{claim.family}"),
        says=words.says(claim),
        mechanism=mechanism,
        decided=tuple(evidence.check(found[code], BASE, words) for code in claim.decided_by),
        besides=tuple(evidence.check(found[code], BASE, words) for code in claim.besides),
        remedy=remedy,
        remedy_text=_remedy_text(remedy, stacks, decimals, text),
        outcome=f"{mechanism}.{effect}",
        outcome_text=text(f"claims.outcome.{mechanism}.{effect}", arm=remedy.arm if remedy else ""),
    )


def effect_of(family: Sequence[Row]) -> str:
    """What the rows of a family say together: ``helps``, ``useless``, ``open``, or ``absent`` where there are none."""
    if any(row.verdict == "better" and not row.negligible for row in family):
        return "helps"
    if not family:
        return "absent"
    return "useless" if all(row.verdict in SETTLED for row in family) else "open"


def best_of(family: Sequence[Row]) -> FamilyRemedy | None:
    """The row that says most for the family: a better one before others, then the highest estimate."""
    if not family:
        return None
    row = max(
        family,
        key=lambda row: (
            row.verdict == "better" and not row.negligible,
            row.adjusted is not None,
            -float("inf") if row.effect is None else row.effect,
        ),
    )
    low, high = row.adjusted or row.plain or (None, None)
    return FamilyRemedy(
        arm=row.name,
        ids=row.remedies,
        effect=row.effect,
        low=low,
        high=high,
        verdict=row.verdict,
        verdict_text=row.verdict_text,
        negligible=row.negligible,
        n_tried=len(family),
    )


def _remedy_text(remedy: FamilyRemedy | None, stacks: Sequence[str], decimals: int, text: Catalogue) -> str:
    if remedy is None:
        return text("claims.remedy.stacks", stacks=text("list.comma").join(stacks)) if stacks else ""
    low, high = formats.interval(
        None if remedy.low is None or remedy.high is None else (remedy.low, remedy.high), decimals
    )
    key = "alone" if remedy.effect is None else "interval" if remedy.low is not None else "effect"
    return text(
        f"claims.remedy.{key}",
        arm=remedy.arm,
        effect=formats.signed(remedy.effect, decimals),
        low=low,
        high=high,
        verdict=remedy.verdict_text,
        tried=text.count("count.arms", remedy.n_tried),
    )
