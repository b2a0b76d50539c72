"""The audit as text and a table, for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.results.audit import Audit, Audited, Plain, Rung, Trial

ATTENTION = ("temperature", "similarity", "keys", "attention_query")
"""Seams whose parameters are judged by the number of effective neighbours of the attention."""

EFFECTIVE = "temperature.effective_neighbours"
ONE_HOT = 1.5
"""Threshold of effective neighbours below which one neighbour dominates, as in check FTR601."""

FELT = 0.01
"""Relative change below which a figure gets no note."""

MOST_SHOWN = 4
"""Maximum number of a parameter's values in the table."""

_HEADINGS = ("parameter", "as published", "tried", "training", "reach", "ranks moved", "top 10 moved", "note")


def audit_text(audit: Audit) -> str:
    """The results of an audit as text, dead parameters first."""
    return "\n".join([*_summary(audit), "", *_table(audit), *_not_tried(audit), "", *_method(audit)])


def _summary(audit: Audit) -> Iterator[str]:
    tried = audit.by_reach()
    dead = audit.reaching(Rung.DEAD)
    base = " + ".join(audit.base) or "FTragrec as published"
    yield f"{audit.study}: {base}, {len(tried)} of {len(audit.parameters)} parameters tried"
    yield f"no effect at all: {_names(dead)}"
    yield f"affect the log only: {_names(audit.reaching(Rung.LOG))}"
    idle = [each for each in audit.train_nothing() if each.reach is not None and each.reach > Rung.LOG]
    yield f"affect more than the log but not training: {_names(idle)}"
    yield from _one_hot(audit)


def _one_hot(audit: Audit) -> Iterator[str]:
    """One line per temperature parameter: the values at which a single neighbour dominates."""
    for each in audit.parameters:
        if each.name.partition(".")[0] != "temperature" or not each.trials:
            continue
        at = [(each.value, audit.figures[EFFECTIVE])]
        at += [(one.value, one.found.figures[EFFECTIVE]) for one in each.trials]
        sharp = [shown(value) for value, effective in at if effective is not None and effective < ONE_HOT]
        wide = [shown(value) for value, effective in at if effective is not None and effective >= ONE_HOT]
        yield (
            f"attention one-hot, below {ONE_HOT} effective neighbours, at {each.name} {', '.join(sharp) or 'none'}; "
            f"spread at {', '.join(wide) or 'none'}"
        )


def _names(several: Sequence[Audited]) -> str:
    return ", ".join(title(each) for each in several) or "none"


def title(audited: Audited) -> str:
    """A parameter's name, with its alias in parentheses."""
    return f"{audited.name} ({audited.alias})" if audited.alias else audited.name


def _table(audit: Audit) -> Iterator[str]:
    rows = [_HEADINGS, *(_row(audit, each) for each in audit.by_reach())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(audit: Audit, each: Audited) -> tuple[str, ...]:
    assert each.training is not None
    assert each.reach is not None
    values = [shown(trial.value) for trial in each.trials]
    tried = ", ".join(values[:MOST_SHOWN]) + (
        f" and {len(values) - MOST_SHOWN} more" if len(values) > MOST_SHOWN else ""
    )
    rungs = (each.training.name.lower(), each.reach.name.lower())
    return (
        title(each),
        shown(each.value),
        tried,
        *rungs,
        f"{each.users_moved:.1%}",
        f"{each.hits_moved:.1%}",
        note(audit, each),
    )


def note(audit: Audit, audited: Audited) -> str:
    """The figure that changed most: its value on base, and at the parameter value that changed it most."""
    if audited.name.partition(".")[0] in ATTENTION:
        at = ", ".join(f"{_number(each.found.figures[EFFECTIVE])} at {shown(each.value)}" for each in audited.trials)
        return f"effective neighbours {_number(audit.figures[EFFECTIVE])}; {at}"
    felt = [(_moved(audit, each, name), name, each) for each in audited.trials for name in audit.figures]
    share, name, most = max(felt, key=lambda one: one[0])
    if share < FELT:
        return next((each.expected for each in audited.trials if each.expected), "")
    words = name.partition(".")[2].replace("_", " ")
    return f"{words} {_number(audit.figures[name])}; {_number(most.found.figures[name])} at {shown(most.value)}"


def _moved(audit: Audit, trial: Trial, name: str) -> float:
    """The relative change of a figure; 0 if one value is missing or the first is 0."""
    before, after = audit.figures[name], trial.found.figures[name]
    return abs(after - before) / abs(before) if before and after is not None else 0.0


def _not_tried(audit: Audit) -> Iterator[str]:
    several = [(each, one) for each in audit.parameters for one in each.not_tried]
    if several:
        yield ""
        yield "not tried:"
    for each, one in several:
        at = "" if one.value is None else f" at {shown(one.value)}"
        yield f"  {title(each)}{at}: {one.reason.partition(chr(10))[0]}"


def _method(audit: Audit) -> Iterator[str]:
    users = f"{audit.sample['n_users']} of {audit.data['n_users']} users"
    prefixes = f"{audit.sample['n_prefixes']} of {audit.data['n_prefixes']} prefixes"
    yield (
        f"{audit.data['name']}: {users} with their whole histories, {prefixes}, on the backbone of replicate "
        f"{audit.replicate}; {audit.epochs} epochs each, {audit.seconds:.0f} s"
    )
    yield f"seams without a parameter: {', '.join(audit.without_parameters) or 'none'}"


def shown(value: Plain) -> str:
    """A value as text."""
    if isinstance(value, list):
        return f"[{', '.join(shown(each) for each in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
