"""The files of a comparison: the page, ``comparison.json`` and ``comparison.csv``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from harness.errors import InputError
from harness.files import write_atomically
from harness.results.folder import StudyFolder
from harness.results.reading import whole_frame
from reports.drawing.figure import Scalar, to_csv, wide_and_narrow
from reports.locale import Catalogue, load_catalogue
from reports.output.comparison import figure as pairs
from reports.output.comparison.build import compare, labels_of
from reports.output.comparison.model import Comparison, Pair
from reports.output.comparison.text import difference
from reports.output.naming import named
from reports.sections.assembly import environment, marked, render_page


def write_comparison(first: Path, second: Path, out: Path | None = None, lang: str = "en") -> Path:
    """Write the comparison of two study folders, from their records alone.

    Args:
        out: folder for ``comparison.html``, ``comparison.json`` and ``comparison.csv``; if None, a folder next to the
            first study, named after both.

    Returns:
        The path of the page.

    Raises:
        InputError: no such language, no study in a folder, the same folder twice, or studies that cannot be compared.
        EnvironmentProblem: the folder cannot be written.
    """
    text = load_catalogue(lang)
    if first.resolve() == second.resolve():
        raise InputError(f"{first} and {second} are the same study; name two")
    frames = (whole_frame(StudyFolder(first)), whole_frame(StudyFolder(second)))
    labels = labels_of(*frames)
    comparison = compare(*frames, text=text, labels=labels)
    names = [path.resolve().name for path in (first, second)]
    folder = out or first.resolve().parent / (f"{names[0]}-vs-{names[1]}")
    page = folder / named("comparison.html", lang)
    write_atomically(folder / named("comparison.json", lang), comparison.to_json().encode())
    write_atomically(folder / named("comparison.csv", lang), comparison_csv(comparison).encode())
    write_atomically(page, render_comparison(comparison, text).encode())
    return page


def render_comparison(comparison: Comparison, text: Catalogue) -> str:
    """The page of a comparison as one self-contained HTML file."""
    pages = environment({"comparison": Path(__file__).parent})
    scale = comparison.scale
    axis = text(f"compare.figure.axis_{scale}", metric=comparison.primary_label)
    draw = partial(pairs.draw, comparison.figure, axis, scale)
    return render_page(
        pages,
        "comparison/comparison.html.j2",
        comparison,
        text,
        drawings=marked(lambda: {"pairs": wide_and_narrow(comparison.figure, draw)}).get("pairs", []),
        scaled=lambda value: difference(value, comparison.scale, comparison.decimals),
        effect_decimals=comparison.decimals if scale == "absolute" else 4,
    )


def comparison_csv(comparison: Comparison) -> str:
    """The common arms as CSV, with unrounded figures."""
    side = ["name", "verdict", "effect", "relative", "value", "low", "high", "rank", "n_seeds"]
    difference = ["code", "mean", "n_seeds", "se", "df", "p", "p_holm"]
    columns = ["arm", "remedies", *(f"a_{name}" for name in side), *(f"b_{name}" for name in side)]
    columns += [f"difference_{name}" for name in [*difference, "low", "high", "adjusted_low", "adjusted_high"]]

    def values(pair: Pair) -> Iterable[Scalar]:
        yield from (pair.name, " + ".join(pair.remedies))
        for each in (pair.a, pair.b):
            yield from (getattr(each, name) for name in side)
        found = pair.difference
        yield from (None if found is None else getattr(found, name) for name in difference)
        yield from (found.plain if found and found.plain else (None, None))
        yield from (found.adjusted if found and found.adjusted else (None, None))

    return to_csv(columns, (values(pair) for pair in comparison.pairs))
