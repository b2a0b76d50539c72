"""The results of a factorial study on its factors, in figures and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.locale import Catalogue, formats
from reports.sections.report import Finding, filled, note
from reports.sections.stacks.model import Factorial, MissingStack, ShapleyShare, StackArm, StackTerm, TermState
from reports.stats.analysis import Analysis
from reports.stats.factorial import FactorialAnalysis, Shapley, TermEffect, factorial_analysis
from reports.stats.verdicts import ALPHA

LETTERS = "ABCDEFGH"


def missing_finding(missing: Sequence[MissingStack], text: Catalogue) -> Finding:
    """Return the note on combinations that did not run; it lists the smallest ones with their reasons."""
    least = [each for each in missing if each.smallest]
    items = [f"{_joined(each.arms)}{text('list.colon')}{each.reason}" for each in least]
    if len(missing) > len(least):
        items.append(text("stacks.more_missing", n=len(missing) - len(least)))
    return note("left_out", text, items, n=text.count("count.combinations", len(missing)))


def factorial_of(analysis: Analysis, decimals: int, text: Catalogue) -> Factorial:
    """Return the results of a factorial study as far as it has run."""
    course, found = analysis.frame.manifest.course, factorial_analysis(analysis.frame)
    complete = analysis.progress.complete or found is None
    names = [str(each["name"]) for each in course["factors"]]
    missing = _missing(course)
    n_runs = len(course["cells"]) + len(missing)
    letter = dict(zip(names, LETTERS, strict=False))

    def coded(term: Sequence[str]) -> str:
        return "".join(letter[name] for name in term)

    return Factorial(
        sentence=_sentence(found, decimals, text) if complete else text("stacks.partial"),
        notes=_notes(found, course, missing, len(analysis.frame.manifest.replicates), text),
        fraction=str(course["fraction"]),
        arms=tuple(
            StackArm(name=str(each["name"]), letter=letter[str(each["name"])], remedies=tuple(each["remedies"]))
            for each in course["factors"]
        ),
        n_runs=n_runs,
        n_used=0 if found is None else len(found.rows),
        generators=tuple(course["generators"]),
        relation=tuple(course["relation"]),
        resolution=course["resolution"],
        aliases=tuple(
            (
                coded(each["term"]),
                " = ".join(
                    f"{formats.MINUS if other['sign'] < 0 else ''}{coded(other['term'])}" for other in each["others"]
                ),
            )
            for each in course["aliases"]
        ),
        terms=() if found is None else tuple(_term(each, _state(each, complete), text) for each in found.terms),
        n_tests=0 if found is None else found.n_tests,
        replicates=() if found is None else found.replicates,
        shapley=_shares(found.shapley) if found is not None and found.shapley is not None else (),
        shapley_text=_shapley_text(found, missing, decimals, text),
        missing=missing,
    )


def label(factors: Sequence[str]) -> str:
    """Return a term as the page writes it."""
    return " × ".join(factors)


def _joined(arms: Sequence[str]) -> str:
    return " + ".join(arms)


def _missing(course: Mapping[str, Any]) -> tuple[MissingStack, ...]:
    every = [tuple(each["arms"]) for each in course["left_out"]]
    return tuple(
        MissingStack(
            arms=tuple(each["arms"]),
            reason=str(each["reason"]),
            smallest=not any(set(other) < set(each["arms"]) for other in every),
        )
        for each in course["left_out"]
    )


def _term(each: TermEffect, state: TermState, text: Catalogue) -> StackTerm:
    moved = None if state == "no_effect" else each.effect
    return filled(
        StackTerm,
        each.effect,
        factors=each.factors,
        label=label(each.factors),
        state=state,
        state_text=text(f"stacks.state.{state}"),
        effect=None if each.effect is None else each.effect.mean,
        plain=None if moved is None else moved.interval(),
        adjusted=each.adjusted(),
        p=None if moved is None else moved.p,
        p_holm=each.p_holm,
        aliases=tuple(f"{formats.MINUS if sign < 0 else '+'} {label(term)}" for sign, term in each.aliases),
    )


def _state(each: TermEffect, complete: bool) -> TermState:
    if each.why:
        return each.why
    if not complete:
        return "partial"
    assert each.effect is not None
    if each.p_holm is None:
        return "no_effect" if each.effect.mean == 0.0 and each.effect.se == 0.0 else "one_seed"
    if each.p_holm >= ALPHA:
        return "open"
    return "raises" if each.effect.mean > 0.0 else "lowers"


def _sentence(found: FactorialAnalysis | None, decimals: int, text: Catalogue) -> str:
    if found is None:
        return text("stacks.unfinished")
    if not found.n_tests:
        moved = any(_state(each, True) == "one_seed" for each in found.terms)
        return text("stacks.one_seed" if moved else "stacks.no_effect")
    n_terms = text.count("count.terms", found.n_tests)
    sure = [each for each in found.terms if each.p_holm is not None and each.p_holm < ALPHA]
    if not sure:
        return text("stacks.nothing", n=n_terms)
    sure.sort(key=lambda each: -abs(each.effect.mean) if each.effect else 0.0)
    items = [
        f"{label(each.factors)} {formats.signed(each.effect.mean, decimals)}"
        for each in sure
        if each.effect is not None
    ]
    return text("stacks.found", n=n_terms, k=len(sure), list=text("list.comma").join(items))


def _notes(
    found: FactorialAnalysis | None,
    course: Mapping[str, Any],
    missing: Sequence[MissingStack],
    planned: int,
    text: Catalogue,
) -> tuple[str, ...]:
    notes: list[str] = []
    if course["resolution"] is not None:
        worst = min(int(course["resolution"]), 5)
        notes.append(text(f"stacks.resolution.{worst}", fraction=course["fraction"], resolution=course["resolution"]))
    if missing or (found is not None and found.unfinished):
        notes.append(text("stacks.bridged"))
    if found is not None and found.unfinished:
        names = text("list.comma").join(found.unfinished)
        notes.append(text("stacks.without_run", rows=names))
    if found is not None and len(found.replicates) < planned:
        notes.append(text("stacks.fewer", n=len(found.replicates), all=planned))
    return tuple(notes)


def _shares(shapley: Shapley) -> tuple[ShapleyShare, ...]:
    low, high = shapley.total.interval()
    whole = shapley.total.mean if low > 0.0 or high < 0.0 else None
    shares: list[ShapleyShare] = []
    for name, effect in shapley.values.items():
        low, high = effect.interval()
        share = effect.mean / whole if whole else None
        shares.append(ShapleyShare(factor=name, value=effect.mean, low=low, high=high, share=share))
    return tuple(sorted(shares, key=lambda each: -each.value))


def _shapley_text(
    found: FactorialAnalysis | None, missing: Sequence[MissingStack], decimals: int, text: Catalogue
) -> str:
    if found is None:
        return ""
    if found.shapley is None:
        why = "missing" if missing or found.unfinished else "fraction"
        return text(f"stacks.shapley.{why}")
    shapley = found.shapley
    low, high = formats.interval(shapley.total.interval(), decimals)
    beyond_low, beyond_high = formats.interval(shapley.beyond.interval(), decimals)
    alone = shapley.total.mean - shapley.beyond.mean
    return text("list.sentences").join(
        [
            text("stacks.shapley.sum", total=formats.signed(shapley.total.mean, decimals), low=low, high=high),
            text(
                "stacks.shapley.beyond",
                alone=formats.signed(alone, decimals),
                beyond=formats.signed(shapley.beyond.mean, decimals),
                low=beyond_low,
                high=beyond_high,
            ),
        ]
    )
