"""No label covers another or leaves its drawing, whatever arms are called, however many and however unlike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from reports.drawing.figure import Figure, Line
from reports.drawing.style import fixed_style
from reports.drawing.svg import NARROW, WIDE
from reports.locale import Catalogue, load_catalogue
from reports.output.comparison import figure as pairs
from reports.sections.cost import scatter
from reports.sections.evidence.why import headroom, reach, trends
from reports.sections.learning import curves
from reports.sections.modes import levels
from reports.sections.ranking import forest
from reports.sections.search import panels as searches
from reports.sections.search.model import SearchBudget, Searched, SearchedArm, SearchedParameter, SearchedTrial
from reports.sections.stacks import drawings as stacks
from reports.sections.who import crossings, groups
from tests.reports.drawing.boxes import labels, troubles

NAMES = {
    "short": ["js", "reverse", "a"],
    "long": [f"objective.kl_symmetric+attention.temperature_{place}[tau={place / 7:.6f}]" for place in range(39)],
    "chinese": [f"学习率预热与余弦退火调度下的双向对称散度与注意力温度联合搜索{place}" for place in range(12)],
    "wide": ["W" * 70 + str(place) for place in range(6)],
    "unlike": [f"arm_{place}" for place in range(9)],
    "one": ["alone"],
}
SCALES = {"unlike": [10.0**-place for place in range(-1, 8)]}
"""Effects that differ by eight orders of magnitude."""

Drawer = Callable[[str, Catalogue], Iterator[str]]


def figure(columns: Sequence[str], rows: Sequence[Line], **marks: float) -> Figure:
    return Figure(id="f", title="", caption="", alt="", columns=tuple(columns), rows=tuple(rows), marks=marks)


def effects(kind: str) -> list[tuple[str, float, float, float]]:
    """Name, effect and interval of every arm of a kind."""
    random = np.random.default_rng(1)
    names = NAMES[kind]
    sizes = SCALES.get(kind, [0.01] * len(names))
    values = random.normal(size=len(names)) * sizes
    return [(name, float(v), float(v - s), float(v + s)) for name, v, s in zip(names, values, sizes, strict=True)]


def both(draw: Callable[[Any], str]) -> Iterator[str]:
    return map(draw, (WIDE, NARROW))


def forests(kind: str, text: Catalogue) -> Iterator[str]:
    seeds = [] if kind == "one" else [0.01, -0.02]
    rows = [
        (name, "better", v, v if kind == "one" else low, v if kind == "one" else high, *(None, None), *seeds)
        for name, v, low, high in effects(kind)
    ]
    made = figure((*forest._FIXED, *(f"seed_{n}" for n in range(len(seeds)))), rows, sesoi=0.002)
    axis = text("figure.forest.axis", metric="NDCG@10")
    return both(lambda layout: forest.draw(made, axis, layout))


def modes(kind: str, text: Catalogue) -> Iterator[str]:
    rows = [(name, 0.1, 0.1 + v, v, low, high, None, 3, 0.1, 0.11) for name, v, low, high in effects(kind)]
    made = figure(levels.COLUMNS, rows)
    return both(lambda layout: levels.draw(made, text("figure.modes.axis", metric="NDCG@10"), layout))


def crossed(kind: str, text: Catalogue) -> Iterator[str]:
    rows = [
        (name, abs(1e4 * v), abs(2e4 * v), 3, 4, 1e4 * v, 1e4 * low, 1e4 * high, 3)
        for name, v, low, high in effects(kind)
    ]
    made = figure(crossings.COLUMNS, rows)
    return both(lambda layout: crossings.draw(made, text("figure.crossings.axis", cut=10), layout))


def costs(kind: str, text: Catalogue) -> Iterator[str]:
    every = enumerate(effects(kind))
    rows = [(name, "better", 10.0 + 7.0 * n, v, low, high, int(n % 2), 1.0, 10, 3) for n, (name, v, low, high) in every]
    made = figure(scatter.COLUMNS, [("base", "base", 9.0, 0.0, None, None, 1, 1.0, 10, 3), *rows])
    axes = text("figure.cost.axis_x"), text("figure.cost.axis_y", metric="NDCG@10")
    return both(lambda layout: scatter.draw(made, *axes, layout))


def compared(kind: str, text: Catalogue) -> Iterator[str]:
    made = figure(pairs.COLUMNS, [(name, v, low, high, v, low, high) for name, v, low, high in effects(kind)])
    axis = text("compare.figure.axis_relative", metric="NDCG@10")
    return both(lambda layout: pairs.draw(made, axis, "relative", layout))


def stacked(kind: str, text: Catalogue) -> Iterator[str]:
    every = effects(kind)[:8]
    mains = [(name, "main", "raises", v, low, high, low, high, 0.1, 0.1, "") for name, v, low, high in every]
    twos = [(f"{a[0]} x {b[0]}", "interaction", *a[2:]) for a, b in pairwise(mains)]
    columns = "term kind state effect low high adjusted_low adjusted_high p p_holm aliases".split()
    made, axis = figure(columns, [*mains, *twos]), text("figure.stack_effects.axis", metric="NDCG@10")
    yield from both(lambda layout: stacks.draw_effects(made, axis, layout, text))
    names = [name for name, *_ in every]
    cells = [
        (a, b, None if n == m + 1 else every[n][1], 0.1, "raises" if m == 0 else "open")
        for m, a in enumerate(names)
        for n, b in enumerate(names)
        if n > m
    ]
    if cells:
        triangle = figure(("first", "second", "effect", "p_holm", "state"), cells)
        yield from both(lambda layout: stacks.draw_pairs(triangle, 6, layout))
    path = [
        (place, "forward", " + ".join(names[:place]), name, "run", 0.1, v, 0.01, place == n, "")
        for place in range(3)
        for n, (name, v, _, _) in enumerate(every)
    ]
    columns = ["round", "kind", "stack", "arm", "state", "value", "gain", "se", "chosen", "reason"]
    walked, axis = figure(columns, path, threshold=0.004), text("figure.stack_path.axis", metric="NDCG@10")
    yield from both(lambda layout: stacks.draw_path(walked, axis, layout, text))


def heat(kind: str, text: Catalogue) -> Iterator[str]:
    inside = ["retriever", "fusion", "blocks.0", "blocks.1", "embedding", "head"]
    grounds = {"short": inside, "one": ["retriever"], "unlike": ["retriever", "fusion"]}.get(kind, NAMES[kind][:6])
    terms = ["recommendation", "enhanced", "alignment"] + (NAMES[kind][:4] if kind in ("long", "wide") else [])
    rows = [
        (kind, term, group, 1.0, 0.0 if n == m else 2.4e-6 * 10.0**n, 0.1)
        for n, term in enumerate(terms)
        for m, group in enumerate(grounds)
    ]
    for _, _, svg in reach.panels(figure(reach.COLUMNS, rows), [kind], text):
        yield svg


def trended(kind: str, text: Catalogue) -> Iterator[str]:
    epochs = [1] if kind == "one" else range(1, 300, 37)
    rows = [
        (name, epoch, *(v * epoch * 10.0**place for place in range(len(trends.TRENDS))))
        for name, v, *_ in effects(kind)
        for epoch in epochs
    ]
    for _, _, svg in trends.panels(figure(trends.COLUMNS, rows), NAMES[kind], text):
        yield svg


def learned(kind: str, text: Catalogue) -> Iterator[str]:
    epochs = [1] if kind == "one" else range(1, 1200, 97)
    rows = [
        (name, epoch, v, low, high, low, low, v, 3, 1, v)
        for name, v, low, high in effects(kind)[:4]
        for epoch in epochs
    ]
    for _, _, svg in curves.panels(figure(curves.COLUMNS, rows), text, 5):
        yield svg


def grouped(kind: str, text: Catalogue) -> Iterator[str]:
    factors = ["popularity_targets", "history", "popularity", "backbone"]
    rows = [
        (name, factor, f"{n * 1000:,}-{n * 1000 + 999:,}", 10.0, 0.1, v, low, high, 0.1, 0.01, v)
        for name, v, low, high in effects(kind)[:3]
        for factor in factors
        for n in range(4)
    ]
    for _, _, svg in groups.panels(figure(groups.COLUMNS, rows), text, 5):
        yield svg


def roomy(kind: str, text: Catalogue) -> Iterator[str]:
    scale = SCALES.get(kind, [0.1])[-1]
    rows = [(kind, queries, bar, scale * (1 + n)) for queries, bars in headroom.BARS for n, bar in enumerate(bars)]
    made = figure(headroom.COLUMNS, rows)
    return both(lambda layout: headroom.draw(made, text, layout))


def searched(kind: str, text: Catalogue) -> Iterator[str]:
    names = [f"{name}.parameter" for name in NAMES[kind][:5]]
    words = [*NAMES["long"][:4], "1"]

    def parameter(n: int, name: str) -> SearchedParameter:
        limits: dict[str, Any] = {"range": "", "default": 1.0, "best": 2.0}
        seen: dict[str, Any] = {"importance": 0.5 / (n + 1), "numeric": n != 1, "log": n == 0}
        return SearchedParameter(name=name, owner="base", meaning="", **limits, **seen)

    def trial(n: int) -> SearchedTrial:
        setting = {name: (words[n % 5] if m == 1 else 1e-6 * 10 ** (n % 8)) for m, name in enumerate(names)}
        what: dict[str, Any] = {"state": "complete", "setting": setting, "mean": 0.1 + n * SCALES.get(kind, [0.01])[-1]}
        rest: dict[str, Any] = {"values": {}, "seconds": 1e3 * n, "best": n == 3, "front": n in (2, 3), "reason": ""}
        return SearchedTrial(number=n, generation=0, **what, **rest)

    parameters = tuple(parameter(n, name) for n, name in enumerate(names))
    budget = SearchBudget(trials=9, complete=9, pruned=0, failed=0, runs=9, epochs=9, seconds=9.0)
    level: dict[str, Any] = {"default": 0.1, "best": 0.2, "budget": budget}
    trials = tuple(map(trial, range(16)))
    arm = SearchedArm(name=kind, sentence="", parameters=parameters, left_out=(), trials=trials, **level)
    rest: dict[str, Any] = {"replicates": (0,), "done": True, "arms": (arm,), "failures": ()}
    model = Searched(sentence="", notes=(), objectives=("quality", "seconds"), **rest)
    for drawn in searches.panels(model, "NDCG@10", text).values():
        for _, _, svg in drawn:
            yield svg


KINDS = [pytest.param(kind, marks=pytest.mark.slow if kind in ("short", "wide") else ()) for kind in NAMES]
DRAWERS: dict[str, Drawer] = {
    "forest": forests,
    "modes": modes,
    "crossings": crossed,
    "cost": costs,
    "pairs": compared,
    "stacks": stacked,
    "reach": heat,
    "trends": trended,
    "curves": learned,
    "groups": grouped,
    "headroom": roomy,
    "search": searched,
}


@pytest.mark.parametrize("name", DRAWERS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_label_covers_another_or_leaves(name: str, kind: str) -> None:
    text = load_catalogue("zh" if kind == "chinese" else "en")
    with fixed_style():
        drawn = list(DRAWERS[name](kind, text))
    assert drawn
    assert all(labels(svg)[0] for svg in drawn)
    assert [trouble for svg in drawn for trouble in troubles(svg)] == []
