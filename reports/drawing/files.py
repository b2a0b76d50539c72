"""A figure as a file: its table as CSV and its drawing as PDF, both as data URIs.

The SVG file has no URI: the page's script makes it on request from the drawing in the page.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Mapping, Sequence

from reports.drawing.figure import Figure, to_csv
from reports.drawing.letters import fitted, in_lines
from reports.drawing.pdf.translate import Drawing, Page, Untranslatable

log = logging.getLogger(__name__)

TITLE_SIZE, TITLE_LINE, ABOVE, GAP = 9.5, 12.0, 10.0, 16.0
"""In points: font size of a panel's title, height of its lines, space above the title, space between panels."""
MARGIN = 4.0


def csv_uri(figure: Figure) -> str:
    """Return the table behind a figure as a data URI."""
    return _uri("text/csv;charset=utf-8", to_csv(figure.columns, figure.rows).encode())


def pdf_uri(drawn: Sequence[str] | Sequence[tuple[str, str, str]], css: str) -> str:
    """Return a drawing as a one-page PDF in the colours of the light theme, as a data URI.

    The file has the wide layout of a drawing in two layouts, or all panels of a gallery.

    Args:
        css: the style of the page; its first rule defines the colours.

    Returns:
        The data URI; empty where the drawing of a plug-in has a part that cannot be translated.
    """
    try:
        return _uri("application/pdf", pdf_of(drawn, light_colours(css)))
    except Untranslatable as problem:
        log.warning("a figure is offered without a PDF: %s", problem)
        return ""


def pdf_of(drawn: Sequence[str] | Sequence[tuple[str, str, str]], colours: Mapping[str, str]) -> bytes:
    """Return a drawing as PDF; the same drawing gives the same bytes.

    Raises:
        Untranslatable: the drawing has a part that the translation does not support.
    """
    page = Page()
    panels = [(each[0], Drawing(each[2], colours)) for each in drawn if not isinstance(each, str)]
    if not panels:
        whole = Drawing(str(drawn[0]), colours)
        whole.onto(page, 0.0, 0.0)
        return page.written(whole.width, whole.height)
    across = columns(len(panels))
    wide = max(panel.width for _, panel in panels)
    titles = {name: _title(name, wide) for name, _ in panels}
    head = ABOVE + TITLE_LINE * max(map(len, titles.values()))
    style = {"fill": colours["ink"], "font-weight": "bold"}
    top = MARGIN
    for start in range(0, len(panels), across):
        row = panels[start : start + across]
        for place, (name, panel) in enumerate(row):
            left = MARGIN + place * (wide + GAP)
            for line, said in enumerate(reversed(titles[name])):
                page.text(said, TITLE_SIZE, (left, top + head - 6.0 - line * TITLE_LINE, 0.0), style)
            panel.onto(page, left, top + head)
        top += head + max(panel.height for _, panel in row) + GAP
    return page.written(2 * MARGIN + across * (wide + GAP) - GAP, top - GAP + MARGIN)


def _title(name: str, room: float) -> list[str]:
    """Return a panel's name in at most two lines."""
    lines = in_lines(name, 0.88 * room, TITLE_SIZE).split("\n")  # bold letters are about a tenth wider
    return [fitted(line, room, TITLE_SIZE, "bold") for line in lines]


def columns(panels: int) -> int:
    """Return the number of panels per row: four at most, with rows as evenly filled as possible.

    >>> [columns(n) for n in (1, 4, 5, 8, 9, 36)]
    [1, 4, 3, 4, 3, 4]
    """
    rows = -(-panels // 4)
    return -(-panels // rows)


def light_colours(css: str) -> dict[str, str]:
    """Return the colours of the light theme by name; paper is white, because a file has no page behind it."""
    rule = css[css.index("{") : css.index("}")]
    return {**dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})", rule)), "paper": "#ffffff"}


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
