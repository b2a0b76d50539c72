"""Figures of a search, small panels per arm: history, importances, slices, the top two parameters, Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from reports.drawing.figure import Figure, Line, Panel, figure_of
from reports.drawing.letters import fitted
from reports.drawing.svg import COLOUR, Layout, dress_panel, new_figure, to_svg, widened
from reports.locale import Catalogue, formats
from reports.sections.search.build import numbers_of
from reports.sections.search.model import Searched, SearchedArm, SearchedParameter, SearchedTrial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure

PANEL = Layout(narrow=True, width=4.2, left=0.17, font=10.5)
HEIGHT = 2.55
Rows = list[Line]


def tables(searched: Searched, label: str, text: Catalogue) -> tuple[Figure, ...]:
    """Return the tables behind the figures; that of the Pareto front only where there are two objectives."""
    every: dict[str, tuple[tuple[str, ...], Rows]] = {
        "search_history": (("arm", "trial", "state", "mean", "best_so_far"), list(_history(searched))),
        "search_importance": (("arm", "parameter", "share"), list(_importance(searched))),
        "search_slices": (("arm", "parameter", "trial", "value", "mean", "state"), list(_slices(searched))),
        "search_pairs": (("arm", "parameter_x", "x", "parameter_y", "y", "mean"), list(_pairs(searched))),
    }
    if len(searched.objectives) > 1:
        every["search_front"] = (("arm", "trial", "seconds", "mean", "on_front"), list(_front(searched)))
    return tuple(
        figure_of(
            name,
            text,
            columns,
            rows,
            alt=text(f"figure.{name}.alt", n=len({row[0] for row in rows})) if rows else _empty(name, text),
            metric=label,
        )
        for name, (columns, rows) in every.items()
    )


def _empty(name: str, text: Catalogue) -> str:
    own = f"figure.{name}.empty"
    return text(own if text.has(own) else "figure.search_empty")


def panels(searched: Searched, label: str, text: Catalogue) -> dict[str, list[Panel]]:
    """Return figure id -> ``(title, text alternative, SVG)`` of every panel; figures without panels are left out."""
    drawers: dict[str, Callable[[SearchedArm, str, Catalogue], Iterator[tuple[str, str, Axes]]]] = {
        "search_history": _draw_history,
        "search_importance": _draw_importance,
        "search_slices": _draw_slices,
        "search_pairs": _draw_pairs,
    }
    if len(searched.objectives) > 1:
        drawers["search_front"] = _draw_front
    drawn: dict[str, list[Panel]] = {}
    for name, drawer in drawers.items():
        made = [each for arm in searched.arms for each in drawer(arm, label, text)]
        if made:
            drawn[name] = [
                (title, alt, to_svg(_canvas(axes), f"{name.replace('_', '-')}-{place}"))
                for place, (title, alt, axes) in enumerate(made)
            ]
    return drawn


def measured(arm: SearchedArm) -> list[tuple[SearchedTrial, float]]:
    """Return the trials with a measurement, failed ones left out, with their means."""
    return [(trial, trial.mean) for trial in arm.trials if trial.mean is not None and trial.state != "failed"]


def best_so_far(arm: SearchedArm) -> list[tuple[int, float]]:
    """Return for each complete trial the highest mean of a complete trial so far; pruned ones never count."""
    found: list[tuple[int, float]] = []
    for trial, mean in measured(arm):
        if trial.state == "complete":
            found.append((trial.number, max(mean, found[-1][1] if found else mean)))
    return found


def important(arm: SearchedArm) -> list[SearchedParameter]:
    """Return the parameters, the most important first; in the order of the search where importances are unknown."""
    return sorted(arm.parameters, key=lambda each: -(each.importance or 0.0))


def _history(searched: Searched) -> Iterator[Line]:
    for arm in searched.arms:
        best = dict(best_so_far(arm))
        for trial in arm.trials:
            yield arm.name, trial.number, trial.state, trial.mean, best.get(trial.number)


def _importance(searched: Searched) -> Iterator[Line]:
    for arm in searched.arms:
        for each in important(arm):
            if each.importance is not None:
                yield arm.name, each.name, each.importance


def _slices(searched: Searched) -> Iterator[Line]:
    for arm in searched.arms:
        for each in important(arm):
            for trial, mean in measured(arm):
                yield arm.name, each.name, trial.number, trial.setting[each.name], mean, trial.state


def _pairs(searched: Searched) -> Iterator[Line]:
    for arm in searched.arms:
        if len(arm.parameters) > 1:
            one, two = important(arm)[:2]
            for trial, mean in measured(arm):
                yield arm.name, one.name, trial.setting[one.name], two.name, trial.setting[two.name], mean


def _front(searched: Searched) -> Iterator[Line]:
    for arm in searched.arms:
        for trial, mean in measured(arm):
            yield arm.name, trial.number, trial.seconds, mean, int(trial.front)


def _draw_history(arm: SearchedArm, label: str, text: Catalogue) -> Iterator[tuple[str, str, Axes]]:
    points = measured(arm)
    if not points:
        return
    axes = _axes(text("figure.search_history.axis"), whole=True)
    _dots(axes, [(float(trial.number), mean, trial) for trial, mean in points])
    best = best_so_far(arm)
    if best:
        axes.step(*zip(*best, strict=True), where="post", color=COLOUR.on, linewidth=1.6, zorder=2)
    yield arm.name, arm.sentence, axes


def _draw_importance(arm: SearchedArm, label: str, text: Catalogue) -> Iterator[tuple[str, str, Axes]]:
    shares = [(each.name, each.importance) for each in important(arm) if each.importance is not None]
    if not shares:
        return
    axes = _axes(text("figure.search_importance.axis"), height=0.75 + 0.42 * len(shares))
    for place, (name, share) in enumerate(shares):
        axes.barh(place + 0.2, share, height=0.3, color=COLOUR.on, zorder=2)
        style = {"color": COLOUR.ink, "fontsize": PANEL.font, "parse_math": False}
        label = f"{fitted(name, 0.7 * 72.0 * PANEL.width, PANEL.font)}  {formats.share(share)}"
        axes.text(0.0, place - 0.22, label, va="center", **style)
    axes.set_ylim(len(shares) - 0.4, -0.6)
    axes.set_xlim(0.0, max(max(share for _, share in shares) * 1.05, 0.01))
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.set_position((0.03, axes.get_position().y0, 0.94, axes.get_position().height))
    parts = text("list.comma").join(f"{name} {formats.share(share)}" for name, share in shares)
    yield arm.name, text("figure.search_importance.panel_alt", row=arm.name, parts=parts), axes


def _draw_slices(arm: SearchedArm, label: str, text: Catalogue) -> Iterator[tuple[str, str, Axes]]:
    points = measured(arm)
    if not points:
        return
    for each in important(arm):
        axes = _axes("")
        places = _across(axes, each, [trial for trial, _ in points])
        _dots(axes, [(place, mean, trial) for place, (trial, mean) in zip(places, points, strict=True)])
        values = {"row": arm.name, "parameter": each.name, "n": len(points), "metric": label}
        best = formats.setting(each.best)
        yield f"{arm.name}: {each.name}", text("figure.search_slices.panel_alt", best=best, **values), axes


def _draw_pairs(arm: SearchedArm, label: str, text: Catalogue) -> Iterator[tuple[str, str, Axes]]:
    points = measured(arm)
    if len(arm.parameters) < 2 or not points:
        return
    one, two = important(arm)[:2]
    axes = _axes(fitted(one.name, 72.0 * PANEL.width * 0.8, PANEL.font))
    trials = [trial for trial, _ in points]
    across, up = _across(axes, one, trials), _across(axes, two, trials, vertical=True)
    means = [mean for _, mean in points]
    low, high = widened(min(means), max(means))
    for x, y, (trial, mean) in zip(across, up, points, strict=True):
        size = 14.0 + 130.0 * ((mean - low) / (high - low)) ** 2
        fill = COLOUR.on if trial.best else "none"
        axes.scatter([x], [y], s=size, facecolor=fill, edgecolor=COLOUR.on, linewidth=1.2, zorder=3)
    upright = {"rotation": 90, "rotation_mode": "anchor", "ha": "center", "va": "center"}
    style = {"color": COLOUR.soft, "fontsize": PANEL.font, "parse_math": False}
    canvas = _canvas(axes)
    canvas.text(0.032, 0.56, fitted(two.name, 72.0 * HEIGHT * 0.85, PANEL.font), **upright, **style)
    alt = text(
        "figure.search_pairs.panel_alt",
        row=arm.name,
        one=one.name,
        two=two.name,
        best_one=formats.setting(one.best),
        best_two=formats.setting(two.best),
    )
    yield arm.name, alt, axes


def _draw_front(arm: SearchedArm, label: str, text: Catalogue) -> Iterator[tuple[str, str, Axes]]:
    points = [(trial, mean, trial.seconds) for trial, mean in measured(arm) if trial.seconds is not None]
    if not points:
        return
    axes = _axes(text("figure.search_front.axis"))
    front = sorted((slow, mean) for trial, mean, slow in points if trial.front)
    axes.step(*zip(*front, strict=True), where="post", color=COLOUR.on, linewidth=1.4, zorder=2)
    _dots(axes, [(slow, mean, trial) for trial, mean, slow in points])
    numbers = text("list.comma").join(str(trial.number) for trial, _, _ in points if trial.front)
    yield arm.name, text("figure.search_front.panel_alt", row=arm.name, n=len(front), trials=numbers), axes


def _across(
    axes: Axes, parameter: SearchedParameter, trials: Sequence[SearchedTrial], *, vertical: bool = False
) -> list[float]:
    """Set up an axis for a parameter and return the positions of the trials on it."""
    values = [trial.setting[parameter.name] for trial in trials]
    axis = axes.yaxis if vertical else axes.xaxis
    numbers = [numbers_of(value) for value in values]
    known = [number for number in numbers if number is not None]
    if parameter.numeric and len(known) == len(numbers):
        if parameter.log:
            (axes.set_yscale if vertical else axes.set_xscale)("log")
            _plain_log(axes, min(known), max(known), vertical=vertical)
        elif not vertical:
            axes.locator_params(axis="x", nbins=5)
        return known
    words = sorted({formats.setting(value) for value in values})
    # At the left the axis shares its space with its name.
    room = 72.0 * PANEL.width * (PANEL.left - 0.085 if vertical else 0.8 / len(words))
    shown = [fitted(word, max(room, 30.0), PANEL.font - 0.5) for word in words]
    axis.set_ticks(range(len(words)), shown, parse_math=False)
    (axes.set_ylim if vertical else axes.set_xlim)(-0.5, len(words) - 0.5)
    return [float(words.index(formats.setting(value))) for value in values]


def _plain_log(axes: Axes, low: float, high: float, *, vertical: bool) -> None:
    """Label a logarithmic axis with plain numbers instead of math text, because the page sets the text itself."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = axes.yaxis if vertical else axes.xaxis
    axis.set_major_locator(LogLocator(numticks=5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
    (axes.set_ylim if vertical else axes.set_xlim)(low / 1.3, high * 1.3)


def _dots(axes: Axes, points: Sequence[tuple[float, float, SearchedTrial]]) -> None:
    """Draw one dot per trial: hollow where not complete, square for the default, filled and larger for the best."""
    axes.set_ylim(*widened(min(y for _, y, _ in points), max(y for _, y, _ in points)))
    for x, y, trial in points:
        marker = "s" if trial.number == 0 else "o"
        size = 70.0 if trial.best else 26.0
        fill = COLOUR.on if trial.best else COLOUR.neutral if trial.state == "complete" else "none"
        edge = COLOUR.paper if fill != "none" else COLOUR.neutral
        axes.scatter([x], [y], s=size, marker=marker, facecolor=fill, edgecolor=edge, linewidth=1.0, zorder=4)


def _axes(label: str, height: float = HEIGHT, *, whole: bool = False) -> Axes:
    _, axes = new_figure(PANEL, height=height)
    dress_panel(axes, PANEL, label, whole=whole)
    return axes


def _canvas(axes: Axes) -> MplFigure:
    canvas = axes.get_figure(root=True)
    assert canvas is not None
    return canvas
