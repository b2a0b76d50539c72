"""Figures of stacks as data: main effects and interactions, Shapley values, and the greedy path round by round."""

from __future__ import annotations

from reports.drawing.figure import Figure, Line, figure_of
from reports.locale import Catalogue, formats
from reports.sections.stacks.model import Factorial, Greedy


def of_factorial(found: Factorial, metric: str, decimals: int, text: Catalogue) -> tuple[Figure, ...]:
    """Return the figures of a factorial study as data."""
    figures = (_effects(found, metric, decimals, text), _pairs(found, decimals, text))
    figures += (_shapley(found, metric, decimals, text),) * bool(found.shapley)
    return (*figures, *(_left_out(found, text),) * bool(found.missing))


def _effects(found: Factorial, metric: str, decimals: int, text: Catalogue) -> Figure:
    rows: list[Line] = []
    for term in found.terms:
        kind = "main" if len(term.factors) == 1 else "interaction"
        plain, adjusted = term.plain or (None, None), term.adjusted or (None, None)
        aliases = " ".join(term.aliases)
        rows.append((term.label, kind, term.state, term.effect, *plain, *adjusted, term.p, term.p_holm, aliases))
    shown = [term for term in found.terms if term.effect is not None]
    alt = text("figure.stack_effects.empty")
    if shown:
        first, last = (pick(shown, key=lambda term: term.effect or 0.0) for pick in (max, min))
        alt = text(
            "figure.stack_effects.alt",
            n=text.count("count.terms", len(shown)),
            first=first.label,
            first_effect=formats.signed(first.effect, decimals),
            last=last.label,
            last_effect=formats.signed(last.effect, decimals),
            above=sum(term.adjusted is not None and term.adjusted[0] > 0.0 for term in shown),
            below=sum(term.adjusted is not None and term.adjusted[1] < 0.0 for term in shown),
        )
    columns = "term kind state effect low high adjusted_low adjusted_high p p_holm aliases".split()
    return figure_of("stack_effects", text, columns, rows if shown else (), alt=alt, metric=metric)


def _pairs(found: Factorial, decimals: int, text: Catalogue) -> Figure:
    rows = [(*term.factors, term.effect, term.p_holm, term.state) for term in found.pairs]
    shown = [term for term in found.pairs if term.effect is not None]
    alt = text("figure.stack_pairs.empty")
    if shown:
        strongest = max(shown, key=lambda term: abs(term.effect or 0.0))
        alt = text(
            "figure.stack_pairs.alt",
            n=len(found.arms),
            pair=strongest.label,
            effect=formats.signed(strongest.effect, decimals),
        )
    columns = ("first", "second", "effect", "p_holm", "state")
    return figure_of("stack_pairs", text, columns, rows if shown else (), alt=alt)


def _shapley(found: Factorial, metric: str, decimals: int, text: Catalogue) -> Figure:
    items = [f"{each.factor} {formats.signed(each.value, decimals)}" for each in found.shapley]
    alt = text("figure.stack_shapley.alt", list=text("list.comma").join(items))
    rows = [(each.factor, each.value, each.low, each.high, each.share) for each in found.shapley]
    return figure_of("stack_shapley", text, ("factor", "value", "low", "high", "share"), rows, alt=alt, metric=metric)


def _left_out(found: Factorial, text: Catalogue) -> Figure:
    rows = [(" + ".join(each.arms), each.reason) for each in found.missing]
    return figure_of("stack_left_out", text, ("combination", "reason"), rows, alt=text("figure.stack_left_out.caption"))


def path(found: Greedy, decimals: int, text: Catalogue) -> Figure:
    """Return the figure of a greedy study as data."""
    rows: list[Line] = []
    for each in found.rounds:
        stack = " + ".join(each.stack)
        rows += [
            (each.number, each.kind, stack, t.arm, t.state, t.value, t.gain, t.se, "yes" if t.chosen else "", t.reason)
            for t in each.tries
        ]
    chosen = [
        text("figure.stack_path.alt_round", n=each.number, arm=t.arm, gain=formats.signed(t.gain, decimals))
        for each in found.rounds
        for t in each.tries
        if t.chosen
    ]
    alt = text("figure.stack_path.alt", list=text("list.notes").join(chosen)) if chosen else ""
    columns = ("round", "kind", "stack", "arm", "state", "value", "gain", "se", "chosen", "reason")
    marks = {} if found.threshold is None else {"threshold": found.threshold}
    alt = alt or text("figure.stack_path.alt_none" if rows else "figure.stack_path.empty")
    return figure_of("stack_path", text, columns, rows, alt=alt, marks=marks)
