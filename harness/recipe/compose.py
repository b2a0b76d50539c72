"""Stacks of remedies: each one's patch is taken off the base, disjoint patches are merged; order cannot matter."""

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
    """What can be composed: an intervention, or anything with an id that maps recipe to recipe."""

    id: ClassVar[str]

    def apply(self, recipe: Recipe) -> Recipe: ...


class CompositionError(InputError):
    """A stack that must not run."""


class NoEffectError(CompositionError):
    """A remedy that leaves this base as it is."""


class ConflictError(CompositionError):
    """Two remedies of one stack that set the same seam."""


class RequirementError(CompositionError):
    """A combination that cannot work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What one remedy writes, observed on a base.

    Attributes:
        remedy: its id.
        seams: seam -> new value; for an additive seam, the entries that were added.
    """

    remedy: str
    seams: Mapping[str, Any]


def patch(base: Recipe, remedy: Remedy, protocol: StudyProtocol = AS_PUBLISHED) -> Patch:
    """Observe what a remedy changes in ``base``, beyond what the protocol does for every row.

    Raises:
        NoEffectError: it changes nothing.
        CompositionError: it took entries out of an additive seam.
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
    """``base`` with every remedy of ``stack`` in it, whatever their order, under the protocol of the study.

    Raises:
        NoEffectError: a remedy leaves the base as it is.
        ConflictError: two remedies set the same seam, or add entries of the same kind.
        RequirementError: the result cannot work.
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
    """Seams that the base stack wrote and an arm overrides, a sentence each."""
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
