"""The name of the next study."""

from __future__ import annotations

import re

from reports.next.model import Kind


def next_name(name: str, kind: Kind) -> str:
    """Return a name for the next study that no earlier study of the same chain has.

    >>> next_name("kl_direction", "next"), next_name("kl_direction_next", "next"), next_name("kl_direction", "confirm")
    ('kl_direction_next', 'kl_direction_next2', 'kl_direction_confirm')
    """
    if kind == "again":
        return name
    found = re.fullmatch(rf"(.*_{kind})(\d*)", name)
    return f"{found[1]}{int(found[2] or 1) + 1}" if found else f"{name}_{kind}"
