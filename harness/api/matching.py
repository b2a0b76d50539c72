"""Check whether a folder's results belong to these keys or to other keys under the same name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from harness.imports.backbone_file import BackboneFile
from harness.modes.planning import make_plan
from harness.results.manifest import ArmRow, StudyManifest
from harness.results.seeds import Seeds
from harness.study.mistakes import StudyFileError
from harness.study.parts import DataModel
from harness.study.types import Study
from harness.study.writing import absolute
from harness.study.yaml_lines import parse_yaml


def differing_keys(study: Study, manifest: StudyManifest) -> list[str]:
    """The keys whose values differ between a study and a manifest; keys that change no result are not compared.

    Args:
        study: the checked study.
        manifest: the manifest in the study's folder.

    Raises:
        harness.study.mistakes.StudyFileError: an arm of the study cannot be composed.
    """
    plan = make_plan(study)
    file = manifest.file
    keys = _keys(study.content, study.path.parent)
    kept = _keys(str(file.get("content", "")).encode(), Path(str(file.get("path", ""))).parent)
    from_file = isinstance(study.backbone, BackboneFile)
    checksum = study.backbone.described() if isinstance(study.backbone, BackboneFile) else {}
    pairs: dict[str, tuple[object, object]] = {
        "data": (_data(keys), _data(kept) if kept else _data(keys)),
        "base": ([str(each) for each in study.base], list(manifest.base)),
        "seed": (study.seed, manifest.seed),
        "primary": (study.primary, manifest.primary),
        "checkpoint": (study.checkpoint, manifest.checkpoint or study.checkpoint),
        "budget": (study.budget.model_dump(), dict(manifest.budget)),
        "backbone": (
            ("file" if from_file else study.backbone, checksum, study.backbone_recipe()),
            (manifest.backbone, dict(manifest.backbone_file), dict(manifest.backbone_recipe)),
        ),
    }
    if not plan.at_most:
        pairs["arms"] = (_stacks(plan.rows), _stacks(manifest.rows))
        pairs["replicates"] = (list(range(study.replicates)), list(manifest.replicates))
        pairs["replicates.start"] = (study.start, Seeds.of(manifest.seeds).start)
    elif kept:  # the rows depend on results, so compare the keys
        pairs |= {key: (keys.get(key), kept.get(key)) for key in ("arms", "mode", study.mode.name, "replicates")}
    return [key for key, (ours, theirs) in pairs.items() if _text(ours) != _text(theirs)]


def _keys(content: bytes, folder: Path) -> dict[str, object]:
    """The keys of a study file with absolute paths; empty if the content cannot be parsed."""
    try:
        value = parse_yaml(content, "manifest").value
    except StudyFileError:
        return {}
    return absolute(cast("dict[str, object]", value), folder) if isinstance(value, dict) else {}


def _data(keys: dict[str, object]) -> Any:
    found = DataModel.model_validate(keys.get("data")).model_dump()
    return {**found, "path": os.path.normpath(found["path"]) if found["path"] else None}


def _stacks(rows: Iterable[ArmRow]) -> list[tuple[str, list[tuple[Any, Any]]]]:
    return [(row.name, [(each["id"], each["settings"]) for each in row.remedies]) for row in rows]


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
