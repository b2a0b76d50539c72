"""Translation of a drawing from SVG to PDF; only elements that matplotlib's SVG uses are supported."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from reports.drawing.letters import width
from reports.drawing.pdf.document import Document, dictionary, numeral
from reports.drawing.pdf.faces import Faces

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
_PART = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_OPERATORS = {"M": ("m", 2), "L": ("l", 2), "C": ("c", 6), "z": ("h", 0), "Z": ("h", 0)}
_CAPS = {"butt": 0, "round": 1, "square": 2}
_JOINS = {"miter": 0, "round": 1, "bevel": 2}
_BESIDE = frozenset({"defs", "clipPath", "pattern", "title", "desc"})

Style = dict[str, str]


class Untranslatable(ValueError):
    """A drawing has a part that this translation does not support, as the figure of a plug-in may."""


@dataclass(slots=True)
class Page:
    """The drawing operators of a page so far, with the typefaces and opacities that they use."""

    faces: Faces = field(default_factory=Faces)
    operators: list[str] = field(default_factory=list)
    opacities: dict[tuple[str, str], str] = field(default_factory=dict)

    def text(self, said: str, size: float, place: Sequence[float], style: Style) -> None:
        """Draw a line of text.

        Args:
            place: x, y and angle in degrees, clockwise as in SVG.
        """
        x, y, angle = place
        weight = "bold" if style.get("font-weight") in ("bold", "700") else "normal"
        turned = math.radians(angle)
        along = math.cos(turned), math.sin(turned)
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[style.get("text-anchor", "start")]
        before = share * size * width(said, weight)
        matrix = (*along, along[1], -along[0], x - before * along[0], y - before * along[1])
        fill = f"{_colour(style.get('fill', '#000000'))} rg"
        shown = self.faces.show(said, size, weight)
        self.operators.append(f"q {self.opacity(style)}{fill} BT {_numbers(matrix)} Tm {shown} ET Q")

    def opacity(self, style: Style) -> str:
        """Return the operator that sets the opacity of fill and stroke; empty where both are opaque."""
        whole = float(style.get("opacity", 1.0))
        fill, stroke = (numeral(whole * float(style.get(f"{kind}-opacity", 1.0))) for kind in ("fill", "stroke"))
        if (fill, stroke) == ("1", "1"):
            return ""
        return f"/{self.opacities.setdefault((fill, stroke), f'O{len(self.opacities)}')} gs "

    def written(self, page_width: float, page_height: float) -> bytes:
        """Return the PDF file."""
        document = Document()
        states = {name: dictionary({"ca": fill, "CA": stroke}) for (fill, stroke), name in self.opacities.items()}
        resources = {"Font": dictionary(self.faces.written(document)), "ExtGState": dictionary(states)}
        # In SVG the y axis points down.
        content = "\n".join([f"1 0 0 -1 0 {numeral(page_height)} cm", *self.operators])
        return document.finished(width=page_width, height=page_height, resources=resources, content=content)


class Drawing:
    """A parsed SVG drawing."""

    def __init__(self, svg: str, colours: Mapping[str, str]) -> None:
        """Parse an SVG.

        Args:
            colours: name of a colour of the page -> ``#rrggbb``.

        Raises:
            Untranslatable: it is not an SVG, it has no size, or it uses a colour that is not in `colours`.
        """
        try:
            self.root = ElementTree.fromstring(re.sub(r"var\(--([\w-]+)\)", lambda found: colours[found[1]], svg))
            self.width, self.height = (float(each) for each in self.root.attrib["viewBox"].split()[2:])
        except (ElementTree.ParseError, KeyError, ValueError) as problem:
            raise Untranslatable(f"no SVG with a size and colours of the page: {problem}") from problem
        self.named = {each.attrib["id"]: each for each in self.root.iter() if "id" in each.attrib}

    def onto(self, page: Page, x: float, y: float) -> None:
        """Draw it on a page with its upper left corner at ``(x, y)``.

        Raises:
            Untranslatable: it has an element or a style that is not supported.
        """
        page.operators.append(f"q 1 0 0 1 {_numbers((x, y))} cm")
        try:
            self._draw(self.root, {"stroke-linejoin": "round"}, page)
        except (KeyError, ValueError) as problem:
            raise Untranslatable(f"part of a drawing is not known: {problem}") from problem
        page.operators.append("Q")

    def _draw(self, element: Element, inherited: Style, page: Page) -> None:
        kind = element.tag.removeprefix(SVG)
        if kind in _BESIDE:
            return
        style = _styled(element, inherited)
        clip = self._clip(element)
        if clip:
            page.operators.append(f"q {clip}")
        if kind in ("svg", "g"):
            for each in element:
                # Opacity of a group, which would apply to the whole group, is not handled: matplotlib never writes it.
                self._draw(each, style, page)
        elif kind == "path":
            self._path(element.attrib.get("d", ""), style, page, 0.0, 0.0)
        elif kind == "use":
            used = self.named[element.attrib[LINK].removeprefix("#")]
            x, y = (float(element.attrib.get(name, 0.0)) for name in ("x", "y"))
            self._path(used.attrib.get("d", ""), _styled(used, style), page, x, y)
        elif kind == "text":
            place = _place(element)
            size = float(style["font-size"].removesuffix("px"))
            page.text("".join(element.itertext()), size, place, style)
        else:
            raise Untranslatable(f"element {kind}")
        if clip:
            page.operators.append("Q")

    def _clip(self, element: Element) -> str:
        link = element.attrib.get("clip-path")
        if link is None:
            return ""
        (shape,) = self.named[_target(link)]
        if shape.tag == f"{SVG}rect":
            return f"{_numbers(float(shape.attrib[name]) for name in ('x', 'y', 'width', 'height'))} re W n"
        return f"{_outline(shape.attrib.get('d', ''))} W n"

    def _path(self, d: str, style: Style, page: Page, x: float, y: float) -> None:
        outline = _outline(d)
        if not outline:
            return
        fill, stroke = style.get("fill", "#000000"), style.get("stroke", "none")
        page.operators.append(f"q {page.opacity(style)}" + (f"1 0 0 1 {_numbers((x, y))} cm" if x or y else ""))
        if fill.startswith("url("):
            page.operators.append(f"q {outline} W n")
            self._hatch(self.named[_target(fill)], d, page)
            page.operators.append("Q")
            fill = "none"
        paint = {(True, True): "B", (True, False): "f", (False, True): "S"}.get((fill != "none", stroke != "none"))
        if paint:
            if fill != "none":
                page.operators.append(f"{_colour(fill)} rg")
            if stroke != "none":
                page.operators.append(_pen(stroke, style))
            page.operators.append(f"{outline} {paint}")
        page.operators.append("Q")

    def _hatch(self, pattern: Element, d: str, page: Page) -> None:
        """Draw the lines of a hatch, repeated over the extent of the path."""
        spanned = [tuple(map(float, _values(found[2])[-2:])) for found in _PART.finditer(d) if found[2].strip()]
        step = [float(pattern.attrib[name]) for name in ("width", "height")]
        tiles = [
            range(math.floor(min(ends) / length), math.ceil(max(ends) / length))
            for ends, length in zip(zip(*spanned, strict=True), step, strict=True)
        ]
        for each in pattern:
            if each.tag == f"{SVG}path":
                for right in tiles[0]:
                    for down in tiles[1]:
                        style = _styled(each, {"stroke-linejoin": "round"})
                        self._path(each.attrib.get("d", ""), style, page, right * step[0], down * step[1])


def _place(text: Element) -> tuple[float, float, float]:
    """Return the anchor of a text and its angle."""
    transform = text.attrib.get("transform", "")
    turn = re.fullmatch(r"(?:translate\(([-\d.]+) ([-\d.]+)\) )?rotate\(([-\d.]+)(?: [-\d.]+ [-\d.]+)?\)", transform)
    if transform and not turn:
        raise Untranslatable(f"transform {transform}")
    angle = float(turn[3]) if turn else 0.0
    if turn and turn[1]:
        return float(turn[1]), float(turn[2]), angle
    return float(text.attrib["x"]), float(text.attrib["y"]), angle


def _styled(element: Element, inherited: Style) -> Style:
    own = dict(_entry(entry) for entry in element.attrib.get("style", "").split(";") if entry.strip())
    return {**inherited, **own}


def _entry(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition(":")
    return name.strip(), value.strip()


def _pen(stroke: str, style: Style) -> str:
    parts = [f"{_colour(stroke)} RG", f"{numeral(float(style.get('stroke-width', 1.0)))} w"]
    parts.append(f"{_CAPS[style.get('stroke-linecap', 'butt')]} J")
    parts.append(f"{_JOINS[style.get('stroke-linejoin', 'miter')]} j")
    dashes = style.get("stroke-dasharray", "none")
    if dashes != "none":
        parts.append(f"[{_numbers(map(float, _values(dashes)))}] {numeral(float(style.get('stroke-dashoffset', 0)))} d")
    return " ".join(parts)


def _outline(d: str) -> str:
    return " ".join(_steps(d))


def _steps(d: str) -> Iterator[str]:
    """Yield the operators of a path; a quadratic curve becomes the equivalent cubic one."""
    at = (0.0, 0.0)
    for found in _PART.finditer(d):
        values = [float(each) for each in _values(found[2])]
        if found[1] == "Q":
            control, end = values[:2], values[2:]
            near = [a + 2.0 / 3.0 * (c - a) for a, c in zip(at, control, strict=True)]
            far = [e + 2.0 / 3.0 * (c - e) for e, c in zip(end, control, strict=True)]
            values = [*near, *far, *end]
        operator, count = _OPERATORS["C" if found[1] == "Q" else found[1]]
        if len(values) != count:
            raise Untranslatable(f"path {found[0]!r}")
        if values:
            at = (values[-2], values[-1])
        yield f"{_numbers(values)} {operator}" if values else operator


def _values(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _target(link: str) -> str:
    return link.removeprefix("url(#").removesuffix(")")


def _colour(value: str) -> str:
    """Return ``#rrggbb`` as three numbers from 0 to 1."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise Untranslatable(f"colour {value}")
    return _numbers(int(value[start : start + 2], 16) / 255.0 for start in (1, 3, 5))


def _numbers(values: Iterable[float]) -> str:
    return " ".join(map(numeral, values))
