"""The files that a study file points to: the interactions, and the backbone that all replicates fine-tune."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.backbones.base import Backbone
from harness.backbones.registry import BACKBONES
from harness.data.formats import format_of
from harness.data.formats.base import Columns
from harness.data.named import NAMED_SETS
from harness.data.sources import DataSpec
from harness.errors import InputError
from harness.imports.backbone_file import BackboneFile, read_backbone_file
from harness.interventions.backbone import choice_of
from harness.study.mistakes import clip, show
from harness.study.parts import BackboneModel, ColumnsModel, DataModel
from harness.study.yaml_lines import Document


def with_file(keys: Mapping[str, object], folder: Path) -> dict[str, object]:
    """The keys of a study; ``data`` becomes a mapping if it is a word that names a file, not a data set.

    A word names a file if the file exists or if its suffix is that of a format.

    Args:
        keys: as written.
        folder: where a relative path starts.
    """
    word = keys.get("data")
    if isinstance(word, str) and word not in {each.name for each in NAMED_SETS} and _names_file(word, folder):
        return {**keys, "data": {"path": word}}
    return dict(keys)


def _names_file(word: str, folder: Path) -> bool:
    try:
        if (folder / Path(word).expanduser()).is_file():
            return True
        return bool(Path(word).suffix) and bool(format_of(Path(word)))
    except (OSError, ValueError, RuntimeError, InputError):  # an impossible file name, or an unknown format
        return False


def data_spec(document: Document, model: DataModel, folder: Path) -> DataSpec | None:
    """The data to read; None if it cannot be read, after the reason is noted in the document.

    Args:
        document: where mistakes are noted.
        model: the checked values.
        folder: where a relative path starts, the study file's own.
    """
    where = ("data",)
    path = None
    try:
        if model.path is not None:
            path = folder / Path(model.path).expanduser()
        if path is not None and not path.is_file():
            found = "is a folder, not a file" if path.is_dir() else "does not exist"
            start = f"a relative path starts at the study file's folder, {folder.absolute()}"
            fix = "correct the path" if Path(model.path or "").expanduser().is_absolute() else start
            said = f"{clip(str(path), 300)} {found}; {fix}"
            document.add(("data", "path"), "no_data_file", said)
            return None
        columns = model.columns or ColumnsModel()
        spec = DataSpec(
            name=model.name,
            path=path,
            format=model.format,
            columns=Columns(user=columns.user, item=columns.item, time=columns.time),
            min_interactions=model.min_interactions,
            sep=model.sep,
        )
    except OSError as problem:
        document.add(where, "no_data_file", f"{clip(str(path), 300)} cannot be read: {problem.strerror}")
    except (ValueError, RuntimeError) as problem:  # a faulty specification; a missing home folder
        document.add(where, "data", str(problem).removeprefix("data: "), line=document.line(where))
    else:
        return spec
    return None


def backbone_model(document: Document, model: BackboneModel) -> Backbone | None:
    """The backbone that the part names, with its settings; None if it names none, or after a mistake is noted.

    Args:
        document: where mistakes are noted.
        model: the checked part.
    """
    if model.model is None:
        return None
    here: tuple[str, ...] = ("backbone", "model")
    if isinstance(model.model, str):
        name, settings = model.model, None
    elif len(model.model) == 1:
        ((name, settings),) = model.model.items()
    else:
        said = (
            f"{len(model.model)} models where one is allowed; write one such as  model: {{gru4rec: {{dropout: 0.2}}}}"
        )
        document.add(here, "one_model", said, line=document.line(here))
        return None
    try:
        return choice_of(BACKBONES.find(name)).from_settings(settings or {}).chosen()
    except InputError as problem:
        document.add(here, "model", str(problem), line=document.line(here))
    return None


def backbone_file(document: Document, model: BackboneModel, folder: Path) -> BackboneFile | None:
    """The file that the part names, read and checked; None if it names none, or after a mistake is noted.

    Args:
        document: where mistakes are noted.
        model: the checked part.
        folder: where a relative path starts, the study file's own.
    """
    if model.checkpoint is None:
        return None
    here = ("backbone", "checkpoint")
    try:
        return read_backbone_file(folder / Path(model.checkpoint).expanduser(), model.checkpoint)
    except InputError as problem:
        document.add(here, "backbone_file", str(problem), line=document.line(here))
    except (OSError, RuntimeError, ValueError) as problem:  # an impossible file name; a missing home folder
        reason = (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
        said = f"{show(model.checkpoint)} cannot be read: {reason}"
        document.add(here, "backbone_file", said, line=document.line(here))
    return None
