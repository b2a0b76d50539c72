"""A PDF file of one page; parts are numbered in the order they are added, and there is no date or machine name."""

from __future__ import annotations

import zlib
from collections.abc import Mapping


def numeral(value: float) -> str:
    """Return a number in PDF syntax: no exponent, at most three decimals (exact enough at 72 points per inch).

    >>> numeral(2.0), numeral(-0.12345), numeral(-0.0001)
    ('2', '-0.123', '0')
    """
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def dictionary(entries: Mapping[str, object]) -> str:
    """Return a dictionary in PDF syntax.

    >>> dictionary({"Type": "/Font", "N": 3})
    '<< /Type /Font /N 3 >>'
    """
    return "<< " + " ".join(f"/{name} {value}" for name, value in entries.items()) + " >>"


class Document:
    """A PDF file under construction."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def add(self, entries: Mapping[str, object], content: bytes | None = None) -> str:
        """Add a dictionary, with its stream where `content` is given.

        Returns:
            The reference with which other parts refer to it.
        """
        if content is None:
            body = dictionary(entries).encode("ascii")
        else:
            packed = zlib.compress(content, 9)
            head = dictionary({**entries, "Filter": "/FlateDecode", "Length": len(packed)})
            body = head.encode("ascii") + b"\nstream\n" + packed + b"\nendstream"
        self._parts.append(body)
        return f"{len(self._parts)} 0 R"

    def finished(self, *, width: float, height: float, resources: Mapping[str, object], content: str) -> bytes:
        """Return the whole file, with `content` drawn on a page whose size is given in points."""
        drawn = self.add({}, content.encode("ascii"))
        parent = f"{len(self._parts) + 2} 0 R"
        page = self.add(
            {
                "Type": "/Page",
                "Parent": parent,
                "MediaBox": f"[0 0 {numeral(width)} {numeral(height)}]",
                "Resources": dictionary(resources),
                "Contents": drawn,
            }
        )
        pages = self.add({"Type": "/Pages", "Kids": f"[{page}]", "Count": 1})
        assert pages == parent
        root = self.add({"Type": "/Catalog", "Pages": pages})
        output = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
        places: list[int] = []
        for number, body in enumerate(self._parts, start=1):
            places.append(len(output))
            output += b"%d 0 obj\n%b\nendobj\n" % (number, body)
        start = len(output)
        size = len(places) + 1
        output += b"xref\n0 %d\n0000000000 65535 f \n" % size
        output += b"".join(b"%010d 00000 n \n" % place for place in places)
        output += f"trailer\n{dictionary({'Size': size, 'Root': root})}\nstartxref\n{start}\n%%EOF\n".encode()
        return bytes(output)
