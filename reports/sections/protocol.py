"""How a study measures, in one line for the first screen and in sentences for the method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.results.frame import Frame
from reports.locale import Catalogue
from reports.stats.progress import is_table

UNSAID: Mapping[str, Any] = {
    "targets": 1,
    "valid_targets": 1,
    "history": "rank",
    "memory": "any",
    "at_test": "train",
}
"""How a folder that says nothing of its protocol was measured."""


def protocol_line(frame: Frame, text: Catalogue) -> str:
    """The protocol in one line; of a table of ranks what is known of it."""
    if is_table(frame):
        return text("protocol.line", parts=text.count("protocol.table", frame.n_targets))
    said = {**UNSAID, **frame.manifest.protocol}
    parts = [text.count("protocol.targets", said["targets"])]
    if said["valid_targets"] > 1:
        parts.append(text("protocol.valid_targets", n=said["valid_targets"]))
    parts += [text(f"protocol.{key}.{said[key]}") for key in ("history", "memory", "at_test")]
    return text("protocol.line", parts=text("list.notes").join(parts))


def protocol_sentences(frame: Frame, text: Catalogue) -> Iterator[str]:
    """What the method says of it: how many targets there are, what a user's figure is, and what the rest means."""
    said = {**UNSAID, **frame.manifest.protocol}
    n_targets = f"{int(frame.present.sum()):,}"
    if frame.n_targets > 1:
        yield text("protocol.method.several", n=frame.n_targets, n_targets=n_targets, n_users=f"{frame.n_users:,}")
    if is_table(frame):
        return
    yield text("protocol.method.fewer", n=said["targets"]) if said["targets"] > 1 else text("protocol.method.one")
    for key in ("history", "memory", "at_test"):
        yield text(f"protocol.method.{key}.{said[key]}")
