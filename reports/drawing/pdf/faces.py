"""Typefaces of a PDF: the typeface of the figures is embedded with the letters that are shown.

A letter that it lacks, such as a Chinese one, uses a Chinese typeface (STSong) by name, which every PDF reader has or
replaces; so a machine that writes reports needs no Chinese typeface.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

from reports.drawing.letters import FILES, measures, path_of
from reports.drawing.pdf.document import Document, numeral

ELSEWHERE = "Chinese"
"""Name, within the file, of the typeface that is not embedded."""

_UNUSED = ["GSUB", "GPOS", "GDEF", "OS/2", "post", "name", "kern", "gasp", "MATH", "cmap", "FFTM"]
_LEFT_TO_THE_READER = {
    "Type": "/Font",
    "Subtype": "/Type0",
    "BaseFont": "/STSong-Light-UniGB-UTF16-H",
    "Encoding": "/UniGB-UTF16-H",
}


class Faces:
    """The typefaces of one file, with the letters that were shown."""

    def __init__(self) -> None:
        self._shown: dict[str, dict[int, str]] = {}
        self._elsewhere = False

    def show(self, text: str, size: float, weight: str) -> str:
        """Return the operators that show a text at the position of the text matrix."""
        glyphs = measures(weight)[0]
        runs: list[tuple[str, str]] = []
        for letter in text:
            glyph = glyphs.get(ord(letter))
            if glyph is None:
                name, code = ELSEWHERE, letter.encode("utf-16-be", "replace").hex()
                self._elsewhere = True
            else:
                name, code = weight, f"{glyph:04x}"
                self._shown.setdefault(weight, {})[glyph] = letter
            if runs and runs[-1][0] == name:
                runs[-1] = name, runs[-1][1] + code
            else:
                runs.append((name, code))
        return " ".join(f"/{name} {numeral(size)} Tf <{codes}> Tj" for name, codes in runs)

    def written(self, document: Document) -> dict[str, str]:
        """Add every used typeface to the document and return name -> reference; call it after all text is shown."""
        found = {weight: _embedded(document, weight, shown) for weight, shown in sorted(self._shown.items())}
        if self._elsewhere:
            found[ELSEWHERE] = _not_embedded(document)
        return found


def _embedded(document: Document, weight: str, shown: dict[int, str]) -> str:
    _, widths, unit = measures(weight)
    name = f"/FTRSTU+{FILES[weight].removesuffix('.ttf')}"
    content = _font_file(weight, frozenset(shown))
    description = {
        "Type": "/FontDescriptor",
        "FontName": name,
        "Flags": 4,
        "FontBBox": "[-1021 -463 1793 1232]",
        "ItalicAngle": 0,
        "Ascent": 928,
        "Descent": -236,
        "CapHeight": 729,
        "StemV": 80 if weight == "normal" else 140,
        "FontFile2": document.add({"Length1": len(content)}, content),
    }
    each = " ".join(f"{glyph} [{numeral(1000 * widths[glyph] / unit)}]" for glyph in sorted(shown))
    descendant = {
        "Type": "/Font",
        "Subtype": "/CIDFontType2",
        "BaseFont": name,
        "CIDSystemInfo": "<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>",
        "FontDescriptor": document.add(description),
        "W": f"[{each}]",
        "CIDToGIDMap": "/Identity",
    }
    whole = {
        "Type": "/Font",
        "Subtype": "/Type0",
        "BaseFont": name,
        "Encoding": "/Identity-H",
        "DescendantFonts": f"[{document.add(descendant)}]",
        "ToUnicode": document.add({}, _letters(shown)),
    }
    return document.add(whole)


@lru_cache(maxsize=128)
def _font_file(weight: str, glyphs: frozenset[int]) -> bytes:
    """Return a font file with only the given glyphs, under their numbers in the whole font."""
    from fontTools import subset

    options: Any = subset.Options(
        hinting=False, layout_features=[], name_IDs=[], notdef_outline=True, retain_gids=True, drop_tables=_UNUSED
    )
    output = BytesIO()
    with subset.load_font(str(path_of(weight)), options) as font:
        font.recalcTimestamp = False
        chosen = subset.Subsetter(options)
        chosen.populate(gids=sorted(glyphs))
        chosen.subset(font)
        font.save(output)
    return output.getvalue()


def _not_embedded(document: Document) -> str:
    description = {
        "Type": "/FontDescriptor",
        "FontName": "/STSong-Light",
        "Flags": 6,
        "FontBBox": "[-25 -254 1000 880]",
        "ItalicAngle": 0,
        "Ascent": 880,
        "Descent": -120,
        "CapHeight": 880,
        "StemV": 93,
    }
    descendant = {
        "Type": "/Font",
        "Subtype": "/CIDFontType0",
        "BaseFont": "/STSong-Light",
        "CIDSystemInfo": "<< /Registry (Adobe) /Ordering (GB1) /Supplement 5 >>",
        "FontDescriptor": document.add(description),
        "DW": 1000,
    }
    return document.add({**_LEFT_TO_THE_READER, "DescendantFonts": f"[{document.add(descendant)}]"})


def _letters(shown: dict[int, str]) -> bytes:
    """Return the map from glyphs to characters, which makes text searchable and copyable."""
    lines = [f"<{glyph:04x}> <{letter.encode('utf-16-be').hex()}>" for glyph, letter in sorted(shown.items())]
    blocks = [lines[start : start + 100] for start in range(0, len(lines), 100)]
    head = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def /CMapName /Letters def"
    said = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    whole = f"{head}\n1 begincodespacerange <0000> <ffff> endcodespacerange\n{said}\nendcmap end end\n"
    return whole.encode("ascii")
