"""Content of a remedy's section, from its class and from composing it with every other remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.checks.families import Family, family_of
from harness.checks.places import Kind, Place, place_of
from harness.errors import InputError, did_you_mean
from harness.interventions import CATALOGUE, available, example_base, find
from harness.interventions.backbone import FAMILY
from harness.interventions.base import Intervention, own_text
from harness.interventions.domains import as_written
from harness.recipe.compose import (
    CompositionError,
    ConflictError,
    NoEffectError,
    RequirementError,
    compose,
    patch,
)
from harness.recipe.recipe import ADDITIVE, BASE, Recipe

_ENUM_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*'|[0-9]+)>")
_WITHOUT_EFFECT = re.compile(r"^\w+ (scores by .+), so [\w, ]+ (cannot change a rank; )")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A seam that the intervention writes at its defaults.

    Attributes:
        before: the spec on the example base; empty if the intervention adds an entry to the seam.
        after: the new spec, or the added entry.
    """

    seam: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Another intervention that this one cannot be combined with, and the reason."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The content of an intervention's section, apart from the attributes of its class.

    Attributes:
        place: address of the section; None for a plug-in's remedy and for the choice of a backbone, which have none.
        summary, details: the first paragraph of the docstring, and the others.
        source: its source without a full stop; empty if none is given.
        changes: the seams that it writes on its example base.
        missing: why it cannot run alone on FTragrec as published; empty if it can.
        completed_by: ids of interventions that remove this obstacle in the same arm.
        clashes: interventions of the catalogue that it cannot be combined with.
        related: interventions of other families for the same problem.
        snippet: the part of a study file that tests it.
    """

    kind: type[Intervention]
    place: Place | None
    family: Family
    summary: str
    details: str
    source: str
    changes: tuple[Change, ...]
    missing: str
    completed_by: tuple[str, ...]
    clashes: tuple[Clash, ...]
    related: tuple[type[Intervention], ...]
    snippet: str

    @property
    def refusals(self) -> Mapping[str, tuple[str, ...]]:
        """The ids of the clashing interventions, by reason."""
        found: dict[str, tuple[str, ...]] = {}
        for clash in self.clashes:
            reason = _WITHOUT_EFFECT.sub(r"the mixture \1, so the other remedy \2", clash.reason)
            found[reason] = (*found.get(reason, ()), clash.id)
        return found


def place_of_remedy(id: str) -> Place | None:
    """The place of a built-in remedy's section; None for any other intervention."""
    for kind in CATALOGUE:
        if kind.id == id:
            return place_of(Kind.REMEDY, id, kind.__module__.rpartition(".")[2])
    return None


def page_of(kind: type[Intervention]) -> Page:
    """The content of an intervention's section, at its defaults.

    Raises:
        harness.errors.InputError: its example base does not exist or cannot be composed, or a related remedy does not
            exist.
    """
    text, _, cited = (own_text(kind) or f"{kind.title}.").partition("Source:")
    listed = f"problem list {kind.section}" if kind.section else ""
    summary, *details = [" ".join(each.split()) for each in text.strip().split("\n\n")]
    details = [each for each in details if not each.startswith("Attributes:")]  # parameters are listed separately
    missing, completed_by, clashes = _company(kind)
    return Page(
        kind=kind,
        place=place_of_remedy(kind.id),
        family=family_of(kind.family()),
        summary=summary,
        details="\n\n".join(details),
        source="; ".join(each for each in (listed, " ".join(cited.split()).rstrip(".")) if each),
        changes=tuple(_changes(kind)),
        missing=missing,
        completed_by=completed_by,
        clashes=clashes,
        related=tuple(find(each) for each in kind.related),
        snippet=_snippet(kind),
    )


def pages_of(family: str | None = None) -> tuple[Page, ...]:
    """The pages of all interventions, plug-ins included, or of one family.

    Raises:
        harness.errors.InputError: no intervention belongs to that family.
    """
    known = available().values()
    names = list(dict.fromkeys(each.family() for each in known))
    if family is not None and family not in names:
        raise InputError(
            f"no intervention is of family {family!r}{did_you_mean(family, names)} (families: {', '.join(names)})"
        )
    return tuple(page_of(each) for each in known if family in (None, each.family()))


def _changes(kind: type[Intervention]) -> Iterator[Change]:
    base = example_base(kind)
    for seam, value in patch(base, kind()).seams.items():
        if seam in ADDITIVE:
            for entry in value:
                yield Change(seam=seam, before="", after=_plain(str(entry)))
        else:
            found = getattr(base, seam)
            before = "the study's own backbone" if seam == FAMILY and found is None else _plain(str(found))
            yield Change(seam=seam, before=before, after=_plain(str(value)))


def _plain(text: str) -> str:
    """A spec's text with each enumeration member replaced by its value.

    >>> _plain("Aggregation(by=<Aggregator.UPGRAD: 'upgrad'>)")
    "Aggregation(by='upgrad')"
    """
    return _ENUM_MEMBER.sub(r"\1", text)


def _company(kind: type[Intervention]) -> tuple[str, tuple[str, ...], tuple[Clash, ...]]:
    """The requirement it lacks when alone, the ids that meet it, and the interventions it clashes with."""
    alone = _obstacle(BASE, [kind])
    base = example_base(kind) if isinstance(alone, NoEffectError) else BASE
    completed_by: list[str] = []
    clashes: list[Clash] = []
    for other in CATALOGUE:
        if other.id == kind.id:
            continue
        found = _obstacle(base, [kind, other])
        if isinstance(found, ConflictError):
            clashes.append(Clash(id=other.id, reason=_reason(found)))
        elif isinstance(alone, RequirementError):
            if found is None:
                completed_by.append(other.id)
        elif isinstance(found, RequirementError) and _obstacle(base, [other]) is None:
            clashes.append(Clash(id=other.id, reason=_reason(found)))
    missing = _reason(alone) if isinstance(alone, RequirementError) else ""
    return missing, tuple(completed_by), tuple(clashes)


def _obstacle(base: Recipe, stack: Sequence[type[Intervention]]) -> CompositionError | None:
    """The reason why a stack at its defaults cannot run; None if it can."""
    try:
        compose(base, [each() for each in stack])
    except CompositionError as problem:
        return problem
    return None


def _reason(problem: CompositionError) -> str:
    """The message without the names of the stack, which the page already shows, and without the fix."""
    text = _plain(str(problem))
    if isinstance(problem, ConflictError):
        return "both set" + text.partition(" both set")[2].partition(";")[0]
    return text.partition(": ")[2]


def _snippet(kind: type[Intervention]) -> str:
    """Study file lines: its example base, the remedy at its defaults, and an arm with the ends of its first range."""
    lines = [f"base: [{', '.join(kind.example_base)}]"] if kind.example_base else []
    arm = kind.id.partition(".")[2]
    lines += ["arms:", f"  {arm}: {kind.id}"]
    defaults = kind.defaults()
    for name, domain in kind.domains().items():
        others = [each for each in domain.ends if each != defaults[name]]
        if others:
            values = ", ".join(as_written(each) for each in others)
            lines.append(f"  {arm}_{name}: {{{kind.id}: {{{name}: [{values}]}}}}")
            break
    return "\n".join(lines)
