"""The backbones that the rows of a study fine-tune."""

from __future__ import annotations

from collections.abc import Mapping

from harness.results.frame import Frame
from harness.results.manifest import BACKBONE, ArmRow, StudyManifest
from reports.locale import Catalogue

OWN = "duorec"
"""FTragrec's own backbone, as a manifest writes it."""


def model_of(manifest: StudyManifest) -> str:
    """Return the backbone of base with its settings; empty where it is FTragrec's own."""
    model = str(manifest.backbone_recipe.get("model", OWN))
    return "" if model == OWN else model


def base_of(manifest: StudyManifest, text: Catalogue) -> str:
    """Return base in words: its remedies, or FTragrec, and its backbone where that is not FTragrec's own."""
    stack, model = " + ".join(manifest.base), model_of(manifest)
    if model:
        return text("method.on_model", base=stack or "FTragrec", model=model)
    return stack or text("method.as_found")


def models_of_arms(frame: Frame) -> dict[str, tuple[str, ...]]:
    """Return backbone with its settings -> the arms that use it instead of base's."""
    found: dict[str, list[str]] = {}
    bases = "" if frame.manifest.backbone == "file" else model_of(frame.manifest) or OWN
    for row in frame.manifest.rows:
        chosen = [each for each in row.remedies if str(each["id"]).startswith(BACKBONE)]
        if chosen and row.status == "run" and (model := _written(row, chosen[0], frame)) != bases:
            found.setdefault(model, []).append(row.name)
    return {model: tuple(arms) for model, arms in found.items()}


def _written(row: ArmRow, chosen: Mapping[str, object], frame: Frame) -> str:
    """Return the backbone as a finished run recorded it, or with all chosen settings while no run has finished."""
    for record in frame.records.get(row.name, {}).values():
        if told := record.recipe.get("backbone") or record.provenance.get("model"):
            return str(told)
    settings = chosen.get("settings")
    listed = ", ".join(f"{name}={each}" for name, each in settings.items()) if isinstance(settings, Mapping) else ""
    return str(chosen["id"]).removeprefix(BACKBONE) + (f"({listed})" if listed else "")
