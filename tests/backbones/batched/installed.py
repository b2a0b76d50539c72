"""A plug-in's backbone as pip would have left it."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from harness.backbones.base import Backbone
from harness.backbones.registry import BACKBONES


def known_as_installed(project: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> type[Backbone]:
    """The backbone of a package whose modules can be imported, known by the entry point of its pyproject.toml.

    Args:
        project: the table of that name.
        monkeypatch: undoes it.
    """
    ((name, value),) = project["entry-points"][BACKBONES.group].items()
    points = EntryPoints([EntryPoint(name=name, value=value, group=BACKBONES.group)])
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    monkeypatch.setattr(BACKBONES, "_all", None)
    return BACKBONES.find(name)
