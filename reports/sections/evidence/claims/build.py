"""The ten claims: whether the mechanism is present in base, and whether the family's remedies help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from harness.results.manifest import BASE
from reports.locale import Catalogue, formats
from reports.sections.base import SectionInput
from reports.sections.evidence.checks import CLAIMS, Claim, Mechanism, Outcome, Status, judge
from reports.sections.evidence.measured import Evidence
from reports.sections.evidence.model import CheckLine
from reports.sections.report import Row, filled

Found = Literal["found", "not_found", "disputed", "cannot_tell", "not_measured"]

SETTLED = ("better", "worse", "equivalent", "no_effect", "inapplicable")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRemedy:
    """The best remedy of a family in this study.

    Attributes:
        arm: the row.
        effect, low, high: on the primary metric, with the simultaneous interval for all arms, or this row's own
            where there is no simultaneous one.
        n_tried: rows of the family in the study.
    """

    arm: str
    ids: tuple[str, ...]
    effect: float | None
    low: float | None
    high: float | None
    verdict: str
    verdict_text: str
    negligible: bool
    n_tried: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedClaim:
    """A claim, and whether its mechanism is present.

    Attributes:
        number: from 1 to 10.
        says: the claim, a sentence.
        mechanism: whether the mechanism that the claim describes is present in base; ``disputed`` where the deciding
            checks say no and a related check of the same family is an issue.
        decided: checks that decide it.
    """

    number: int
    family: str
    title: str
    says: str
    mechanism: Found
    decided: tuple[CheckLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCard(JudgedClaim):
    """A judged claim, and whether its family of remedies helps.

    Attributes:
        besides: checks of other obstacles to the family.
        remedy: the family's best remedy; None where the study has none.
        remedy_text: the same in words.
        outcome: ``MECHANISM.REMEDY``, such as ``found.useless``.
        outcome_text: whether the reason in the problem list is right or wrong, a sentence.
        tried: whether an arm of the study has a remedy of the family, alone or in a stack.
    """

    besides: tuple[CheckLine, ...]
    remedy: FamilyRemedy | None
    remedy_text: str
    outcome: str
    outcome_text: str
    tried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The ten claims, judged on base.

    Attributes:
        sentence: number of mechanisms found; where nothing was measured, how to measure.
        cards: empty where nothing was measured.
    """

    sentence: str
    note: str
    cards: tuple[ClaimCard, ...]


def claims_of(given: SectionInput) -> Claims:
    """Return the claims, judged on base and on the rows of the ranking."""
    evidence, text = given.evidence, given.text
    if not evidence.measured:
        return Claims(sentence=unmeasured_text(evidence, text), note="", cards=())
    judged = judged_claims(evidence, text)
    cards = tuple(_card(claim, each, given) for claim, each in zip(CLAIMS, judged, strict=True))
    counts = {kind: sum(card.mechanism == kind for card in cards) for kind in get_args(Found)}
    base = given.manifest.base
    return Claims(
        sentence=text("claims.sentence", n=len(cards), **counts),
        note=text("claims.base_stack", base=" + ".join(base)) if base else "",
        cards=cards,
    )


def judged_claims(evidence: Evidence, text: Catalogue) -> tuple[JudgedClaim, ...]:
    """Return the claims, judged on base alone."""
    found = evidence.checks[BASE]
    return tuple(
        JudgedClaim(
            number=claim.number,
            family=claim.family,
            title=text(f"problem.{claim.family}"),
            says=evidence.words.says(claim),
            mechanism="disputed" if disputes(claim, found) else judge(claim, found).value,
            decided=tuple(evidence.check(found[code]) for code in claim.decided_by),
        )
        for claim in CLAIMS
    )


def disputes(claim: Claim, found: Mapping[str, Outcome]) -> tuple[str, ...]:
    """Return the family's related checks that are an issue although the deciding checks find no mechanism."""
    if judge(claim, found) is not Mechanism.NOT_FOUND:
        return ()
    own = (found[code] for code in claim.besides if found[code].check.claim == claim.family)
    return tuple(each.check.code for each in own if each.status is Status.ISSUE)


def unmeasured_text(evidence: Evidence, text: Catalogue) -> str:
    """Return a sentence that there is no evidence and how to get it."""
    return text("claims.off" if evidence.level == "off" else "claims.none")


def _card(claim: Claim, judged: JudgedClaim, given: SectionInput) -> ClaimCard:
    rows, text = given.rows, given.text
    found = given.evidence.checks[BASE]
    family = [row for row in rows if row.kind == "arm" and row.family == claim.family and row.verdict != "alias"]
    remedy = best_of(family)
    codes = {"decides": claim.decided_by, "related": disputes(claim, found)}
    outcome = f"{judged.mechanism}.{effect_of(family)}"
    stacks = [
        row.name
        for row in rows
        if len(row.remedies) > 1 and any(each.partition(".")[0] == claim.family for each in row.remedies)
    ]
    return filled(
        ClaimCard,
        judged,
        besides=tuple(given.evidence.check(found[code]) for code in claim.besides),
        remedy=remedy,
        remedy_text=_remedy_text(remedy, stacks, given.decimals, text),
        outcome=outcome,
        outcome_text=text(
            f"claims.outcome.{outcome}",
            arm=remedy.arm if remedy else "",
            **{name: text("list.comma").join(each) for name, each in codes.items()},
        ),
        tried=bool(remedy or stacks),
    )


def effect_of(family: Sequence[Row]) -> str:
    """Return the joint result of a family's rows: ``helps``, ``useless``, ``open``, or ``absent`` for no rows."""
    if any(row.verdict == "better" and not row.negligible for row in family):
        return "helps"
    if not family:
        return "absent"
    return "useless" if all(row.verdict in SETTLED for row in family) else "open"


def best_of(family: Sequence[Row]) -> FamilyRemedy | None:
    """Return the best row of a family: better ones first, then those with an adjusted interval, then by estimate."""
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
    return filled(FamilyRemedy, row, arm=row.name, ids=row.remedies, low=low, high=high, n_tried=len(family))


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
