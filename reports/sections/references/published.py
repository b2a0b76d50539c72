"""Published figures that are comparable with a study's: same data, same protocol."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.results.manifest import StudyManifest
from reports.sections.references.model import PublishedLine


def published_for(manifest: StudyManifest) -> tuple[PublishedLine, ...]:
    """Return the published results on the study's data under its protocol; empty for any other data or protocol."""
    protocol = manifest.protocol
    if protocol.get("targets") != 1 or protocol.get("valid_targets") != 1 or protocol.get("memory") != "any":
        return ()
    return tuple(
        PublishedLine(
            model=each["model"], recall=tuple(each["recall"]), ndcg=tuple(each["ndcg"]), source=each["source"]
        )
        for each in table()
        if each["fingerprint"] == manifest.data.get("fingerprint")
        and each["history"] == protocol.get("history")
        and each.get("at_test", protocol.get("at_test")) == protocol.get("at_test")
    )


@cache
def table() -> tuple[Mapping[str, Any], ...]:
    """Return every published result that ships with the tool."""
    text = (Path(__file__).parent / "published.toml").read_text(encoding="utf-8")
    sets = tomllib.loads(text)
    return tuple({**each, "fingerprint": found["fingerprint"]} for found in sets.values() for each in found["results"])
