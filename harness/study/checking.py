"""A study file's values checked as a whole: its model, or every mistake with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from harness.data.formats import FORMATS
from harness.errors import InputError
from harness.results.metrics import METRICS, check_metric
from harness.study.models import BackboneModel, DataModel, DiagnosticsModel, StudyModel
from harness.study.problems import Path, show
from harness.study.stacks import misplaced
from harness.study.wording import explain


def check(raw: Mapping[str, object]) -> tuple[StudyModel | None, list[tuple[Path, str]]]:
    """The model of a file's values, or every mistake as its place and what to do."""
    values = {key: _spelled_out(key, value) for key, value in raw.items()}
    data = read_data(raw.get("data"))
    problems = list(_data_problems(data)) if data else []
    backbone = read_backbone(raw.get("backbone", "per_seed"))
    if backbone is not None and (backbone.trained is None) == (backbone.checkpoint is None):
        found = "neither" if backbone.trained is None else "both"
        problems.append((("backbone",), f"needs either per_seed or shared, or checkpoint: FILE, has {found}"))
    elif backbone is not None and backbone.checkpoint is not None and "n_sampled" in backbone.model_fields_set:
        problems.append((("backbone", "n_sampled"), "a backbone from a file is not trained here; remove this line"))
    problems += misplaced(raw)
    for key in ("primary", "checkpoint"):
        metric = values.get(key, METRICS[0])
        try:
            if not isinstance(metric, str):
                raise InputError(f"{show(metric)} is not the name of a metric; write one such as ndcg@10")
            check_metric(metric)
        except InputError as problem:
            del values[key]
            problems.append(((key,), str(problem)))
    try:
        model = StudyModel.model_validate(values)
    except ValidationError as error:
        found = [explain(each["type"], each["loc"], each["input"]) for each in error.errors()]
        return None, problems + [(_as_written(path, raw), message) for path, message in found]
    return (None if problems else model), problems


def read_data(raw: object) -> DataModel | None:
    """The ``data`` part by itself, so that its mistakes show beside those of the rest; None where it has no shape."""
    try:
        return DataModel.model_validate(_spelled_out("data", raw))
    except ValidationError:
        return None


def read_diagnostics(raw: object) -> DiagnosticsModel | None:
    """The ``diagnostics`` part by itself; None where it has no shape."""
    try:
        return DiagnosticsModel.model_validate(_spelled_out("diagnostics", raw))
    except ValidationError:
        return None


def read_backbone(raw: object) -> BackboneModel | None:
    """The ``backbone`` part by itself; None where it has no shape."""
    try:
        return BackboneModel.model_validate(_spelled_out("backbone", raw))
    except ValidationError:
        return None


_SHORT = {"data": "name", "diagnostics": "level", "backbone": "trained"}
"""Keys whose mapping may be written as one word, and the key in it that the word stands for."""


def _spelled_out(key: str, value: object) -> object:
    return {_SHORT[key]: value} if key in _SHORT and isinstance(value, str) else value


def _as_written(path: Path, raw: Mapping[str, object]) -> Path:
    """The place in the file: ``data: NAME`` is short for ``data: {name: NAME}``."""
    return path[:1] if path and path[0] in _SHORT and isinstance(raw.get(str(path[0])), str) else path


def _data_problems(data: DataModel) -> Iterator[tuple[Path, str]]:
    if (data.name is None) == (data.path is None):
        found = "neither" if data.name is None else "both"
        yield ("data",), f"needs either name (a named data set) or path (a file), has {found}"
    elif data.name is not None and data.format is not None:
        yield ("data", "format"), "a named data set has its own format; remove this line"
    if data.columns is not None and (data.name is not None or (data.format and not FORMATS[data.format].has_columns)):
        yield ("data", "columns"), "this data has no columns to name; remove this line"
