"""A figure as files: a PDF that says and shows what the page's drawing does, and nothing of when or where."""

from __future__ import annotations

import base64
import logging
import re
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fontTools.ttLib import TTFont
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from reports.drawing import svg
from reports.drawing.files import light_colours, pdf_of, pdf_uri
from reports.drawing.letters import fitted, path_of, width
from reports.drawing.pdf.translate import Untranslatable
from reports.drawing.style import fixed_style
from reports.drawing.svg import COLOUR, WIDE, Palette, dress_panel, new_figure, to_svg
from reports.output.files import write_report
from tests.reports import gallery
from tests.reports.pages import Page

CSS = (Path(svg.__file__).parents[1] / "templates" / "report.css").read_text(encoding="utf-8")
LIGHT = light_colours(CSS)
CHINESE = "双向KL散度"


def everything() -> str:
    """A drawing of all that the sections draw: curves, bars, bands, hatches, marks, names across and up."""
    with fixed_style():
        canvas, axes = new_figure(WIDE, height=3.0)
        axes.plot([0, 1, 2], [1, 3, 2], color=COLOUR.on, linestyle="--", marker="o")
        axes.fill_between([0, 1, 2], [0.5, 2, 1], [1.5, 4, 3], color=COLOUR.off, alpha=0.16)
        axes.add_patch(Rectangle((0, 0), 1, 1, facecolor="none", edgecolor=COLOUR.hatch, hatch="////", linewidth=0))
        axes.scatter([1], [1], s=40, facecolor=COLOUR.good, edgecolor=COLOUR.paper, alpha=0.5)
        axes.text(1.0, 2.0, "right_aligned", ha="right", fontsize=11, color=COLOUR.ink)
        axes.text(1.0, 1.0, f"−0.5 {CHINESE}", ha="center", color=COLOUR.bad, weight="bold")
        dress_panel(axes, WIDE, "across")
        axes.set_ylabel("upwards", color=COLOUR.soft)
        return to_svg(canvas, "all")


def parts(pdf: bytes) -> dict[int, bytes]:
    """Number -> part, found at the places that the file's own table gives."""
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])
    assert pdf[start:].startswith(b"xref\n0 ")
    places = [int(line[:10]) for line in pdf[start:].splitlines()[3:] if line.endswith(b"n ")]
    found = {number: pdf[place:] for number, place in enumerate(places, start=1)}
    assert all(part.startswith(b"%d 0 obj" % number) for number, part in found.items())
    return {number: part[: part.index(b"endobj")] for number, part in found.items()}


def stream(part: bytes) -> bytes:
    """What a part holds, of the length that it says."""
    length = int(re.search(rb"/Length (\d+)", part)[1])  # type: ignore[index]
    head = part.index(b"stream\n") + len(b"stream\n")
    assert part[head + length :].startswith(b"\nendstream")
    return zlib.decompress(part[head : head + length])


def content(pdf: bytes) -> str:
    (page,) = (part for part in parts(pdf).values() if b"/Type /Page " in part)
    return stream(parts(pdf)[int(re.search(rb"/Contents (\d+)", page)[1])]).decode()  # type: ignore[index]


def said(pdf: bytes) -> list[str]:
    """Every line of text, read by the file's own table of letters."""
    found = parts(pdf)
    fonts: dict[str, dict[str, str]] = {"Chinese": {}}
    for name, at in re.findall(rb"/(normal|bold) (\d+) 0 R", b"".join(found.values())):
        letters = int(re.search(rb"/ToUnicode (\d+)", found[int(at)])[1])  # type: ignore[index]
        pairs = re.findall(r"<(\w{4})> <(\w{4})>\n", stream(found[letters]).decode())
        fonts[name.decode()] = {glyph: bytes.fromhex(code).decode("utf-16-be") for glyph, code in pairs}
    lines: list[str] = []
    for block in re.findall(r"BT .*? Tm (.*?) ET", content(pdf)):
        runs = re.findall(r"/(\w+) [\d.]+ Tf <(\w+)> Tj", block)
        codes = [(font, run[at : at + 4]) for font, run in runs for at in range(0, len(run), 4)]
        decoded = (fonts[font].get(code) or bytes.fromhex(code).decode("utf-16-be") for font, code in codes)
        lines.append("".join(decoded))
    return lines


def test_the_pdf_says_what_the_drawing_says_and_is_as_large() -> None:
    drawn = everything()
    pdf = pdf_of([drawn], LIGHT)
    assert said(pdf) == re.findall(r"<text [^>]*>([^<]*)</text>", drawn)
    assert f"−0.5 {CHINESE}" in said(pdf)
    assert b"/MediaBox [0 0 907.2 216]" in pdf
    assert b"/Encoding /UniGB-UTF16-H" in pdf


def test_the_faces_of_the_pdf_hold_the_letters_shown_and_only_those() -> None:
    pdf = pdf_of([everything()], LIGHT)
    files = [part for part in parts(pdf).values() if b"/Length1" in part]
    assert len(files) == 2  # upright and bold
    for part in files:
        font: Any = TTFont(BytesIO(stream(part)))
        drawn = sum(font["glyf"][name].numberOfContours != 0 for name in font.getGlyphOrder())
        assert 3 < drawn < 40


def test_a_bold_letter_is_drawn_bold() -> None:
    files = [part for part in parts(pdf_of([everything()], LIGHT)).values() if b"/Length1" in part]
    bold, upright = (TTFont(BytesIO(stream(part)))["glyf"] for part in files)
    for weight, glyphs in (("bold", bold), ("normal", upright)):
        whole: Any = TTFont(path_of(weight))
        zero = whole.getBestCmap()[ord("0")]
        assert glyphs[f"glyph{whole.getGlyphID(zero):05d}"].coordinates == whole["glyf"][zero].coordinates


@pytest.mark.parametrize(("share", "anchor"), [(1.0, "right_aligned"), (0.5, f"−0.5 {CHINESE}")])
def test_text_ends_where_the_drawing_says(share: float, anchor: str) -> None:
    drawn = everything()
    size, x = re.search(rf'font-size: ([\d.]+)px[^>]* x="([\d.]+)"[^>]*>{anchor}<', drawn).groups()  # type: ignore[union-attr]
    weight = "bold" if share == 0.5 else "normal"
    start = float(x) - share * float(size) * width(anchor, weight)
    place = said(pdf_of([drawn], LIGHT)).index(anchor)
    matrices = re.findall(r"BT ([-\d. ]+) Tm", content(pdf_of([drawn], LIGHT)))
    assert float(matrices[place].split()[4]) == pytest.approx(start, abs=0.01)


def test_text_that_stands_upright_does_so() -> None:
    pdf = pdf_of([everything()], LIGHT)
    matrix = re.findall(r"BT ([-\d. ]+) Tm", content(pdf))[said(pdf).index("upwards")]
    assert matrix.split()[:4] == ["0", "-1", "-1", "0"]


def test_widths_are_those_that_the_figure_was_measured_with() -> None:
    with fixed_style():
        canvas, axes = new_figure(WIDE, height=1.0)
        text = axes.text(0, 0, "attention.temperature[tau=0.15]", fontsize=10)
        FigureCanvasAgg(canvas).draw()
        measured = text.get_window_extent().width / canvas.dpi * 72.0
    assert 10.0 * width(text.get_text()) == pytest.approx(measured, rel=0.02)


def test_colours_are_those_of_the_light_page_with_paper_white() -> None:
    assert set(Palette.__dataclass_fields__) <= set(LIGHT)
    used = set(re.findall(r"([\d.]+ [\d.]+ [\d.]+) (?:rg|RG)", content(pdf_of([everything()], LIGHT))))
    wanted = {name: [f"{int(LIGHT[name][at : at + 2], 16) / 255:.3f}" for at in (1, 3, 5)] for name in LIGHT}
    shown = {tuple(f"{float(number):.3f}" for number in each.split()) for each in used}
    for name in ("ink", "soft", "line", "on", "off", "good", "bad", "hatch", "paper"):
        assert tuple(wanted[name]) in shown, name
    assert all(list(each) in wanted.values() for each in shown)


def test_a_gallery_is_one_page_of_every_panel_under_its_name() -> None:
    panel = everything()
    pdf = pdf_of([(f"arm_{number}", "alt", panel) for number in range(9)], LIGHT)
    assert {f"arm_{number}" for number in range(9)} < set(said(pdf))
    assert said(pdf).count("upwards") == 9
    assert b"/Count 1" in pdf


def test_a_title_stands_in_two_lines_that_say_all_of_it() -> None:
    title = " ".join(["a part of a sentence"] * 10)
    lines = [line for line in said(pdf_of([(title, "alt", everything())], LIGHT)) if len(line) > 20]
    assert len(lines) == 2
    assert " ".join(reversed(lines)) == title
    assert all(9.5 * width(line, "bold") <= 907.2 for line in lines)


def test_a_long_name_fits_above_its_panel() -> None:
    for name in (gallery.LONG, gallery.CHINESE, gallery.UNBROKEN, gallery.MARKUP):
        assert 9.5 * width(fitted(name, 300.0, 9.5, "bold"), "bold") <= 300.0


def test_same_drawing_same_bytes_and_no_date() -> None:
    one = pdf_of([everything()], LIGHT)
    assert one == pdf_of([everything()], LIGHT)
    assert b"Date" not in one
    assert b"/Producer" not in one


@pytest.mark.parametrize(
    "svg",
    [
        "no svg",
        "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><circle/></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><path d='M 1 1 A 1 1 0 0 0 2 2'/></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><path d='M 1 1' style='fill: red'/></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><path d='M 1 1' style='fill: var(--no)'/></svg>",
    ],
)
def test_a_drawing_of_something_else_is_refused_and_the_page_offers_no_pdf(
    svg: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Untranslatable):
        pdf_of([svg], LIGHT)
    with caplog.at_level(logging.WARNING):
        assert pdf_uri([svg], CSS) == ""
    assert "offered without a PDF" in caplog.text


def test_a_path_without_an_outline_draws_nothing() -> None:
    """So matplotlib writes one of an arm without any value."""
    drawn = (
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' viewBox='0 0 9 9'>"
        "<defs><path id='a'/></defs><path style='fill: none'/><use xlink:href='#a' x='1' y='1'/>{}</svg>"
    )
    line = "<path d='M 1 1 L 2 2' style='fill: none; stroke: #000000'/>"
    assert content(pdf_of([drawn.format(line)], LIGHT)).count(" S\n") == 1
    assert "S" not in content(pdf_of([drawn.format("")], LIGHT)).split()


def test_every_figure_of_a_page_is_there_as_csv_svg_and_pdf_outside_of_any_fold(tmp_path: Path) -> None:
    folder = gallery.diagnosed(tmp_path / "diagnosed")
    text = write_report(folder).read_text(encoding="utf-8")
    links = [found for tag, found in Page(text).tags if tag == "a" and "download" in found]
    named = {str(found["download"]): str(found.get("href")) for found in links}
    figures = [name.removesuffix(".svg") for name in named if name.endswith(".svg")]
    assert len(figures) == 9
    for name in figures:
        assert named[f"{name}.csv"].startswith("data:text/csv")
        kind, _, packed = named[f"{name}.pdf"].partition(",")
        assert kind == "data:application/pdf;base64"
        assert said(base64.b64decode(packed))
    assert not re.search(r"<details class=\"(?:data|more)\"(?:(?!</details>).)*class=\"files\"", text, re.S)
