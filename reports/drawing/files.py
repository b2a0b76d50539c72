"""A figure as a file: its table as CSV and its drawing as PDF, as addresses that hold all of it.

The drawing as SVG is the one in the page, which the page's script completes when it is asked for.
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
"""Points: letters of a panel's title, its lines, what is above them, and what is between panels."""
MARGIN = 4.0


def csv_uri(figure: Figure) -> str:
    """The table behind a figure as a data URI."""
    return _uri("text/csv;charset=utf-8", to_csv(figure.columns, figure.rows).encode())


def pdf_uri(drawn: Sequence[str] | Sequence[tuple[str, str, str]], css: str) -> str:
    """A drawing as a PDF file of one page in the colours of the light page, as a data URI.

    Of a drawing in two layouts it has the wide one; of a gallery every panel.

    Args:
        css: the style of the page, of which the first rule names its colours.

    Returns:
        Nothing where the drawing, a plug-in's, holds what the translation does not know.
    """
    try:
        return _uri("application/pdf", pdf_of(drawn, light_colours(css)))
    except Untranslatable as problem:
        log.warning("a figure is offered without a PDF: %s", problem)
        return ""


def pdf_of(drawn: Sequence[str] | Sequence[tuple[str, str, str]], colours: Mapping[str, str]) -> bytes:
    """A drawing as PDF, the same bytes for the same drawing.

    Raises:
        Untranslatable: it holds what the translation does not know.
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
    """A panel's name in two lines at most."""
    lines = in_lines(name, 0.88 * room, TITLE_SIZE).split("\n")  # bold letters are wider by a tenth
    return [fitted(line, room, TITLE_SIZE, "bold") for line in lines]


def columns(panels: int) -> int:
    """How many panels stand side by side: four at most, and rows as full as can be.

    >>> [columns(n) for n in (1, 4, 5, 8, 9, 36)]
    [1, 4, 3, 4, 3, 4]
    """
    rows = -(-panels // 4)
    return -(-panels // rows)


def light_colours(css: str) -> dict[str, str]:
    """The colours of the light page by name; paper is white, as a file stands on any ground."""
    rule = css[css.index("{") : css.index("}")]
    return {**dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})", rule)), "paper": "#ffffff"}


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
