"""A checksum around bytes, so that a damaged file is known as one before anything in it is read."""

from __future__ import annotations

import hashlib

_LINE = 65
"""A SHA-256 in hexadecimal digits and the end of its line."""


class DamagedFileError(Exception):
    """Bytes whose first line, checksum or layout is wrong; the text says which."""


def seal(magic: bytes, payload: bytes) -> bytes:
    """A magic line, the SHA-256 of the rest in a line of its own, then the rest.

    Args:
        magic: what the file is and its version, ending in a newline.
        payload: the rest.
    """
    return magic + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def unseal(magic: bytes, content: bytes) -> bytes:
    r"""The payload that :func:`seal` closed.

    Raises:
        DamagedFileError: the first line is another one, or the checksum does not match.

    >>> unseal(b"mine 1\n", seal(b"mine 1\n", b"payload"))
    b'payload'
    """
    if not content.startswith(magic):
        raise DamagedFileError("it does not start as such a file does")
    checksum, payload = content[len(magic) :][:_LINE], content[len(magic) + _LINE :]
    if checksum != hashlib.sha256(payload).hexdigest().encode() + b"\n":
        raise DamagedFileError("its checksum does not match its content")
    return payload
