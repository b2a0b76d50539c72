"""Stacks of remedies: each remedy is applied to the base alone and the patches are merged; order has no effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from harness.data.protocol import AS_PUBLISHED
from harness.data.protocol import Protocol as StudyProtocol
from harness.errors import InputError
from harness.recipe.recipe import ADDITIVE, SEAMS, Recipe
from harness.recipe.requirements import problems
from harness.recipe.under import done_already, under


class Remedy(Protocol):
    """What can be composed: an intervention, or any object with an id that maps a recipe to a recipe."""

    id: ClassVar[str]

    def apply(self, recipe: Recipe) -> Recipe: ...


class CompositionError(InputError):
    """A stack that cannot run."""


class NoEffectError(CompositionError):
    """A remedy that has no effect on this base."""


class ConflictError(CompositionError):
    """Two remedies of one stack set the same seam."""


class RequirementError(CompositionError):
    """A combination of remedies and base that cannot work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The seams that one remedy changes in a base.

    Attributes:
        remedy: its id.
        seams: seam -> new value; for an additive seam, the entries that were added.
    """

    remedy: str
    seams: Mapping[str, Any]


def patch(base: Recipe, remedy: Remedy, protocol: StudyProtocol = AS_PUBLISHED) -> Patch:
    """Return what a remedy changes in ``base``, without what the protocol already does for every row of the report.

    Raises:
        NoEffectError: the remedy changes nothing.
        CompositionError: it changes or removes existing entries of an additive seam.
    """
    written = remedy.apply(base)
    changed = under(protocol, written)
    seams: dict[str, Any] = {}
    for seam in SEAMS:
        before, after = getattr(base, seam), getattr(changed, seam)
        if before == after:
            continue
        if seam in ADDITIVE:
            if after[: len(before)] != before:
                raise CompositionError(f"{remedy.id} changes entries of {seam} that it did not add; it may only append")
            seams[seam] = after[len(before) :]
        else:
            seams[seam] = after
    if not seams and (key := done_already(protocol, written)):
        raise NoEffectError(f"{remedy} changes nothing: {key} does the same for every row; remove it")
    if not seams:
        raise NoEffectError(f"{remedy} changes nothing in this base; remove it or give it another value")
    return Patch(remedy=remedy.id, seams=seams)


def compose(base: Recipe, stack: Sequence[Remedy], protocol: StudyProtocol = AS_PUBLISHED) -> Recipe:
    """Return ``base`` with all remedies of ``stack`` applied, under the study's protocol; their order has no effect.

    Raises:
        NoEffectError: a remedy has no effect on the base.
        ConflictError: two remedies set the same seam, or add entries of the same kind.
        RequirementError: the resulting recipe cannot work.
    """
    patches = [patch(base, remedy, protocol) for remedy in stack]
    writer: dict[tuple[str, str], str] = {}
    merged: dict[str, Any] = {}
    for each in sorted(patches, key=lambda one: one.remedy):
        for seam, value in each.seams.items():
            entries = value if seam in ADDITIVE else (value,)
            for entry in entries:
                kind = type(entry).__name__ if seam in ADDITIVE else ""
                first = writer.setdefault((seam, kind), each.remedy)
                if first != each.remedy:
                    raise ConflictError(_conflict(first, each.remedy, seam, kind))
            merged[seam] = (*merged.get(seam, getattr(base, seam)), *entries) if seam in ADDITIVE else value
    recipe = replace(base, **merged)
    found = problems(recipe, written=frozenset(merged))
    if found:
        names = " + ".join(sorted(each.id for each in stack))
        raise RequirementError(f"{names}: " + "; ".join(found))
    return recipe


def replaced(as_found: Recipe, base: Recipe, recipe: Recipe) -> tuple[str, ...]:
    """One sentence for each seam that the base stack sets and an arm overrides."""
    sentences: list[str] = []
    for seam in SEAMS:
        found, stacked, final = (getattr(one, seam) for one in (as_found, base, recipe))
        if seam not in ADDITIVE and stacked != found and final != stacked:
            sentences.append(f"replaces {seam} of the base stack: {stacked} becomes {final}")
    return tuple(sentences)


def _conflict(first: str, second: str, seam: str, kind: str) -> str:
    what = f"an entry {kind} of {seam}" if kind else seam
    names = f"{first} twice" if first == second else f"{first} and {second}"
    return f"{names} both set {what}; keep one of them, or make two arms"
