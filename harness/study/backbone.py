"""The ``backbone:`` part of a study file: a word, or the file that all replicates fine-tune."""

from __future__ import annotations

from pathlib import Path

from harness.errors import InputError
from harness.imports.backbone_file import BackboneFile, read_backbone_file
from harness.study.models import BackboneModel
from harness.study.problems import show
from harness.study.yaml_lines import Document


def backbone_file(document: Document, model: BackboneModel, folder: Path) -> BackboneFile | None:
    """The file that the part names, read and checked; None where it names none, or after noting what is wrong with it.

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
        document.add(here, str(problem), line=document.line(here))
    except (OSError, RuntimeError, ValueError) as problem:  # a name that no file can have; a home folder not there
        reason = (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
        document.add(here, f"{show(model.checkpoint)} cannot be looked up: {reason}", line=document.line(here))
    return None
