"""What ``ftr-study diagnose`` runs: base alone, with all its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.data.text import plain_name
from harness.errors import InputError
from harness.modes.grid import Grid
from harness.results.evidence import Diagnostics, Level
from harness.study.study import load_study, read_study, slugify
from harness.study.types import Overrides, Study, variant

EPOCHS = 4
"""Budget of a diagnosis without a study file: evidence hardly changes after the first epochs."""

STUDY_SUFFIXES = (".yaml", ".yml")
CHECKPOINT_SUFFIX = ".safetensors"


def study_to_diagnose(
    target: Path | None, data: str | None, overrides: Overrides, reading: Mapping[str, object] | None = None
) -> Study:
    """The study of base alone, in full detail, with one replicate unless ``overrides`` sets another number.

    Args:
        target: a study file, whose base, data, budget and seed are used; or, both with ``data``, a backbone's
            checkpoint or None, for a backbone that is trained.
        data: a named data set or a file of interactions.
        overrides: values of the command line.
        reading: keys of a study file's ``data`` that define how the file is read.

    Raises:
        InputError: ``target`` cannot be used, or not with ``data`` or ``reading``, or nothing names data.
        harness.study.mistakes.StudyFileError: the study, or the data, cannot be used.
    """
    once = overrides if overrides.replicates is not None else replace(overrides, replicates=1)
    if target is not None and target.suffix in STUDY_SUFFIXES:
        if data is not None:
            raise InputError(f"{target} names its own data; remove --data {data}")
        if reading:
            raise InputError(f"{target} says how its data is read; set {', '.join(reading)} under  data:  in that file")
        return base_alone(load_study(target, once), overrides)
    if target is not None and target.suffix != CHECKPOINT_SUFFIX:
        raise InputError(f"{target} is neither a study file (.yaml) nor a checkpoint (.safetensors); give one of them")
    if data is None:
        raise InputError("nothing to diagnose: give a study file, or name data, such as --data ml-100k")
    return base_alone(read_study(_written(target, data, reading or {}), Path("--data"), once), overrides)


def base_alone(study: Study, overrides: Overrides) -> Study:
    """The study without its arms, in a folder of its own, measured in full.

    Args:
        study: read with one replicate unless the command line says otherwise.
        overrides: of the command line.
    """
    name = f"diagnosis of {study.name}"
    changed = {option: value for option, value in study.changed.items() if option != "replicates"}
    if overrides.replicates not in (None, 1):
        changed["replicates"] = overrides.replicates
    slug = f"diagnosis_{study.name}" if slugify(study.name) == study.name else slugify(name)
    return replace(
        study,
        name=name,
        slug=slug + variant(changed),
        changed=changed,
        question="What holds the base back?",
        rows=(),
        mode=Grid(),
        diagnostics=Diagnostics(level=Level.FULL, mute=study.diagnostics.mute),
    )


def _written(checkpoint: Path | None, data: str, reading: Mapping[str, object]) -> bytes:
    """The content of an equivalent study file, as JSON, which is valid YAML."""
    path = Path(data).expanduser()
    here = path.exists() or path.suffix != ""
    named = plain_name(path).stem if here else data
    written: dict[str, object] = {
        "name": named if checkpoint is None else f"{named} on {checkpoint.stem}",
        "data": {**({"path": str(path.resolve())} if here else {"name": data}), **reading},
        "arms": {},
        "budget": {"epochs": EPOCHS, "patience": EPOCHS},
    }
    if checkpoint is not None:
        written["backbone"] = {"checkpoint": str(checkpoint.resolve())}
    return json.dumps(written).encode()
