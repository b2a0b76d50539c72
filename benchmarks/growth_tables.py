"""The tables of the growth study, and the page that contains them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from harness.words import MINUS

VISITS = 560
"""Number of targets per item in the backbone's training recipe (``BackboneSpec.visits``)."""

WORTH = (2.0, 10.0)
"""Speed-ups of a step by the sampled softmax that the page reports."""

FULL, SAMPLED = "step, softmax of all items", "step, softmax of 1024 sampled"


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Slope of log value over log size by least squares; NaN for fewer than two points.

    >>> exponent([10, 100, 1000], [2, 20, 200])
    1.0
    """
    if len(sizes) < 2:
        return math.nan
    return round(float(np.polyfit(np.log(sizes), np.log(values), 1)[0]), 2)


def reached(sizes: Sequence[float], values: Sequence[float], level: float) -> float | None:
    """The size at which values first reach a level, with log-log interpolation between points; None if they do not.

    >>> reached([10, 1000], [1, 100], 10)
    100.0
    """
    if values and values[0] >= level:
        return float(sizes[0])
    pairs = list(zip(sizes, values, strict=True))
    for (size, value), (next_size, next_value) in pairwise(pairs):
        if value < level <= next_value:
            share = math.log(level / value) / math.log(next_value / value)
            return round(math.exp(math.log(size) + share * math.log(next_size / size)), 6)
    return None


def stage_rows(points: Iterable[Mapping[str, Any]], axis: str) -> dict[str, dict[str, Any]]:
    """Sizes, seconds and peaks by stage, in the order of the points."""
    rows: dict[str, dict[str, Any]] = {}
    for point in points:
        for stage in point["stages"]:
            row = rows.setdefault(stage["name"], {"per": stage["per"], "sizes": [], "seconds": [], "peak_mb": []})
            row["sizes"].append(point["size"][axis])
            row["seconds"].append(stage["seconds"])
            row["peak_mb"].append(stage["peak_mb"])
    return rows


def growth_table(points: Sequence[Mapping[str, Any]], axis: str) -> list[str]:
    """Seconds of every stage at every point, exponents, and peak memory at the smallest and the largest."""
    sizes = [point["size"][axis] for point in points]
    lines = [
        f"| seconds, by {axis} | "
        + " | ".join(whole(size) for size in sizes)
        + " | exponent | of the last two | peak memory, MB |",
        "| --- |" + " ---: |" * (len(sizes) + 3),
    ]
    for name, row in stage_rows(points, axis).items():
        known = dict(zip(row["sizes"], row["seconds"], strict=True))
        cells = [seconds(known[size]) if size in known else "failed" for size in sizes]
        title = name + (f", {row['per']}" if row["per"] else "")
        slopes = [exponent(row["sizes"], row["seconds"]), exponent(row["sizes"][-2:], row["seconds"][-2:])]
        shown = ["–" if math.isnan(slope) else f"{slope:.2f}".replace("-", MINUS) for slope in slopes]
        peaks = f"{whole(row['peak_mb'][0])} → {whole(row['peak_mb'][-1])}"
        lines.append("| " + " | ".join([title, *cells, *shown, peaks]) + " |")
    for point in points:
        for group, reason in point["failed"].items():
            lines.append(f"\n{whole(point['size'][axis])} {axis}, {group}: {reason}.")
    return lines


def softmax_lines(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of full against sampled softmax by catalogue size, and the sizes at which sampling pays."""
    rows = stage_rows(points, "items")
    if not {FULL, SAMPLED} <= rows.keys() or rows[FULL]["sizes"] != rows[SAMPLED]["sizes"]:
        return ["Not all points of the softmax could be measured."]
    sizes, full, few = rows[FULL]["sizes"], rows[FULL]["seconds"], rows[SAMPLED]["seconds"]
    lines = [
        "| items | all / sampled | hours to train a backbone, all items | 1024 sampled |",
        "| ---: | ---: | ---: | ---: |",
    ]
    hours = [[each * VISITS * size / 1000 / 3600 for size, each in zip(sizes, row, strict=True)] for row in (full, few)]
    ratios = [one / other for one, other in zip(full, few, strict=True)]
    for size, ratio, one, other in zip(sizes, ratios, *hours, strict=True):
        lines.append(f"| {whole(size)} | {ratio:.1f} | {number(one)} | {number(other)} |")
    lines.append("")
    for level in WORTH:
        where = reached(sizes, ratios, level)
        said = (
            f"from about {round_number(where)} items"
            if where
            else f"at none of these sizes (at most {max(ratios):.1f})"
        )
        lines.append(f"- A step is {level:g} times as fast with 1024 sampled: {said}.")
    for label, row in (("all items", hours[0]), ("1024 sampled", hours[1])):
        where = reached(sizes, row, 8.0)
        said = f"about {round_number(where)} items" if where else f"more than {whole(sizes[-1])} items"
        lines.append(f"- A backbone trained overnight (8 hours, {VISITS} targets per item), {label}: up to {said}.")
    return lines


def bias_lines(found: Mapping[str, Any]) -> list[str]:
    """Lines on bias and noise of the gradient, and on quality."""
    if "failed" in found:
        return [f"Not measured: {found['failed']}"]
    lines = [
        "| negatives a step | bias, log-q | bias, without | noise of a step, log-q | bias by items, log-q | without |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    cells = {(each["n_sampled"], each["log_q"], each["side"]): each for each in found["gradient"]}
    for n in dict.fromkeys(each["n_sampled"] for each in found["gradient"]):
        shown = [
            cells[n, True, "states"]["bias"],
            cells[n, False, "states"]["bias"],
            cells[n, True, "states"]["noise"],
            cells[n, True, "items"]["bias"],
            cells[n, False, "items"]["bias"],
        ]
        lines.append(f"| {n} | " + " | ".join(f"{value:.4f}" for value in shown) + " |")
    lines += ["", "| softmax | validation NDCG@10 | epochs | seconds |", "| --- | ---: | ---: | ---: |"]
    for each in found["quality"]:
        what = f"{each['n_sampled']} sampled" if each["n_sampled"] else f"all {found['n_items']} items"
        shown = (
            ", ".join(f"{value:.4f}" for value in each["valid_ndcg@10"]),
            ", ".join(map(str, each["epochs"])),
            ", ".join(f"{value:.0f}" for value in each["seconds"]),
        )
        lines.append(f"| {what} | " + " | ".join(shown) + " |")
    return lines


def tables(kept: Mapping[str, Any]) -> dict[str, list[str]]:
    """The lines of each marked part of the page, for the parts that have been measured."""
    found: dict[str, list[str]] = {}
    for axis in ("users", "items", "length"):
        if axis in kept:
            found[axis] = [*growth_table(kept[axis]["of"], axis), "", stamp(kept[axis])]
    if "items" in kept:
        found["softmax"] = softmax_lines(kept["items"]["of"])
    if "bias" in kept:
        found["bias"] = [*bias_lines(kept["bias"]["of"]), "", stamp(kept["bias"])]
    return found


def stamp(part: Mapping[str, Any]) -> str:
    """A line on the machine that measured a part, and its duration."""
    session = part["session"]
    machine = session["machine"]
    cpu = machine.get("cpu") or machine.get("processor") or machine.get("platform", "")
    return f"One thread of {cpu}, torch {session['versions']['torch']}; {part['seconds']} s in all."


def rewrite(page: Path, kept: Mapping[str, Any]) -> None:
    """Replace the tables between the marks of the page."""
    page.write_text(filled(page.read_text(), tables(kept)))


def filled(text: str, parts: Mapping[str, Sequence[str]]) -> str:
    r"""The page with each part placed between ``<!-- NAME -->`` and ``<!-- /NAME -->``.

    >>> filled("a\n<!-- x -->\nold\n<!-- /x -->\nb", {"x": ["new"]})
    'a\n<!-- x -->\nnew\n<!-- /x -->\nb'
    """
    for name, lines in parts.items():
        first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(first)
        _, _, after = rest.partition(last)
        assert last in rest, f"the page has no place for {name}"
        text = before + first + "\n".join(lines) + "\n" + last + after
    return text


def whole(value: float) -> str:
    """An integer with thin spaces between thousands.

    >>> whole(1000000)
    '1 000 000'
    """
    return f"{value:,.0f}".replace(",", " ")


def seconds(value: float) -> str:
    """Seconds with two significant digits, or as whole seconds."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def number(value: float) -> str:
    """Hours as short text."""
    return whole(value) if value >= 10 else f"{value:.2g}"


def round_number(value: float) -> str:
    """A number with two significant digits, since points are a factor of ten apart."""
    return whole(float(f"{value:.2g}"))
