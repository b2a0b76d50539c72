"""The protocol of a study, in one line for the first screen and in sentences for the method section."""

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
"""The protocol of a result folder that does not record one."""


def protocol_line(frame: Frame, text: Catalogue) -> str:
    """Return the protocol in one line; for a table of ranks only the number of targets is known."""
    if is_table(frame):
        return text("protocol.line", parts=text.count("protocol.table", frame.n_targets))
    said = {**UNSAID, **frame.manifest.protocol}
    parts = [text.count("protocol.targets", said["targets"])]
    if said["valid_targets"] > 1:
        parts.append(text("protocol.valid_targets", n=said["valid_targets"]))
    parts += [text(f"protocol.{key}.{said[key]}") for key in ("history", "memory", "at_test")]
    return text("protocol.line", parts=text("list.notes").join(parts))


def protocol_sentences(frame: Frame, text: Catalogue) -> Iterator[str]:
    """Yield the method section's sentences: number of targets, how a user's figure is computed, the other settings."""
    said = {**UNSAID, **frame.manifest.protocol}
    n_targets = f"{int(frame.present.sum()):,}"
    if frame.n_targets > 1:
        yield text("protocol.method.several", n=frame.n_targets, n_targets=n_targets, n_users=f"{frame.n_users:,}")
    if is_table(frame):
        return
    yield text("protocol.method.fewer", n=said["targets"]) if said["targets"] > 1 else text("protocol.method.one")
    for key in ("history", "memory", "at_test"):
        yield text(f"protocol.method.{key}.{said[key]}")
