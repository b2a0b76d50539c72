"""The facts of a manifest on the study, its data and its run, as label and value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.results.manifest import StudyManifest
from reports.locale import Catalogue, formats
from reports.sections.backbones import base_of


def commands_of(manifest: StudyManifest) -> tuple[str, ...]:
    """Return the commands that ran the study."""
    commands = manifest.provenance.get("command", ())
    return (commands,) if isinstance(commands, str) else tuple(str(command) for command in commands)


def facts_of(manifest: StudyManifest, text: Catalogue) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the facts of a manifest as group -> labels and values; groups are study, data, run and versions."""
    run = dict(manifest.provenance)
    versions = run.pop("versions", {})
    run.pop("command", None)
    study: dict[str, Any] = {
        "name": manifest.name,
        "seed": manifest.seed,
        "replicates": ", ".join(str(number) for number in manifest.replicates),
        "backbone": manifest.backbone,
        **({"backbone_file": manifest.backbone_file} if manifest.backbone_file else {}),
        **{f"backbone.{key}": value for key, value in manifest.backbone_recipe.items()},
        "base": base_of(manifest, text),
        **{f"budget.{key}": value for key, value in manifest.budget.items()},
        **{f"protocol.{key}": value for key, value in manifest.protocol.items()},
        **({"guard": manifest.guard} if manifest.guard else {}),
    }
    groups = {"study": study, "data": manifest.data, "run": run, "versions": versions}
    named: dict[str, tuple[tuple[str, str], ...]] = {}
    for group, facts in groups.items():
        listed = tuple(_listed(facts))
        if listed:
            named[text(f"method.group.{group}")] = listed
    return named


def _listed(facts: Any, prefix: str = "") -> list[tuple[str, str]]:
    if not isinstance(facts, Mapping):
        return [(prefix.rstrip("."), str(facts))]
    listed: list[tuple[str, str]] = []
    for key, value in facts.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            listed.extend(_listed(value, f"{prefix}{key}."))
        elif isinstance(value, list | tuple):
            listed.append((f"{prefix}{key}", ", ".join(str(item) for item in value) or formats.NONE))
        else:
            listed.append((f"{prefix}{key}", f"{value:,.6g}" if isinstance(value, float) else str(value)))
    return listed
