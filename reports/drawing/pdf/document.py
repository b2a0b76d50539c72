"""A PDF file of one page, its parts numbered in the order they are added, without a date or a name of a machine."""

from __future__ import annotations

import zlib
from collections.abc import Mapping


def numeral(value: float) -> str:
    """A number as PDF writes it: at most three decimals, which at 72 points an inch nobody sees, and no exponent.

    >>> numeral(2.0), numeral(-0.12345), numeral(-0.0001)
    ('2', '-0.123', '0')
    """
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def dictionary(entries: Mapping[str, object]) -> str:
    """A dictionary as PDF writes it.

    >>> dictionary({"Type": "/Font", "N": 3})
    '<< /Type /Font /N 3 >>'
    """
    return "<< " + " ".join(f"/{name} {value}" for name, value in entries.items()) + " >>"


class Document:
    """The file as it grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def add(self, entries: Mapping[str, object], content: bytes | None = None) -> str:
        """Add a dictionary, with the stream that it describes where there is one.

        Returns:
            The reference by which other parts name it.
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
        """The whole file, with `content` drawn on a page of that many points."""
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
