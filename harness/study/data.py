"""The ``data:`` part of a study file as the specification that the data layer reads."""

from __future__ import annotations

from pathlib import Path

from harness.data.formats.base import Columns
from harness.data.sources import DataSpec
from harness.study.models import ColumnsModel, DataModel
from harness.study.problems import clip
from harness.study.yaml_lines import Document


def data_spec(document: Document, model: DataModel, folder: Path) -> DataSpec | None:
    """What to read; None after noting in the document why it cannot be.

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
            document.add(("data", "path"), f"{clip(str(path), 300)} {found}; a relative path starts at {folder}")
            return None
        columns = model.columns or ColumnsModel()
        spec = DataSpec(
            name=model.name,
            path=path,
            format=model.format,
            columns=Columns(user=columns.user, item=columns.item, time=columns.time),
            min_interactions=model.min_interactions,
        )
    except OSError as problem:
        document.add(where, f"{clip(str(path), 300)} cannot be looked up: {problem.strerror}")
    except (ValueError, RuntimeError) as problem:  # of the specification; of a home folder that is not there
        document.add(where, str(problem).removeprefix("data: "), line=document.line(where))
    else:
        return spec
    return None
