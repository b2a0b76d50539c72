"""Study files written by the program: their keys as YAML that reads back unchanged, with absolute paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from harness.study.sources import with_file
from harness.study.yaml_lines import plain

FILES = {"data": "path", "backbone": "checkpoint"}
"""Key of a part that may name a file -> the key inside it that holds the path."""


def absolute(values: Mapping[str, object], folder: Path) -> dict[str, object]:
    """The keys with absolute paths, except those from ``~``, so that the study file may be saved in any folder.

    Args:
        values: keys of a study file.
        folder: where relative paths start.
    """
    found = with_file(values, folder)
    for key, inner in FILES.items():
        part = found.get(key)
        path = cast("dict[str, object]", part).get(inner) if isinstance(part, dict) else None
        if isinstance(path, str) and path and not path.startswith("~"):
            found[key] = {**cast("dict[str, object]", part), inner: str((folder / path).absolute())}
    return found


def to_yaml(values: Mapping[str, object]) -> str:
    """Plain values as the YAML of a study file, which reads back unchanged."""
    return yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110, indent=2
    )


class _Dumper(yaml.SafeDumper):
    """Writes what :func:`harness.study.yaml_lines.parse_yaml` reads: YAML 1.2, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Text, in quotes if it would otherwise be read as a number, a boolean or null."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain(value) == value else "'")


_Dumper.add_representer(str, _text)
