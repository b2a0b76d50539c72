"""Conversion of keys given in Python to the equivalent study file, and its checks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from harness.api.frames import is_frame, write_frame
from harness.interventions.base import Intervention
from harness.study.mistakes import Path as Place
from harness.study.mistakes import Problem, StudyFileError, show
from harness.study.sources import with_file
from harness.study.study import read_document
from harness.study.types import Study
from harness.study.writing import FILES, absolute, to_yaml
from harness.study.yaml_lines import DEEPEST, Document, parse_yaml

SOURCE = "Study(...)"
"""Shown in error messages in place of a study file's name and line."""

LONGEST_LABEL = 40


def read_keys(given: Mapping[str, object], *, out: Path) -> Study:
    """The study with these keys, after the same checks as for a study file.

    Args:
        given: the keys of a study file; a key with value None is left out. ``data`` may be a pandas frame, or hold one
            under ``frame``; a file may be a ``Path``, and a remedy an instance of its class. Relative paths start at
            the working folder. Without ``name``, the name is built from the data's name and a hash of the keys.
        out: folder of all studies; frames are kept in its cache.

    Raises:
        StudyFileError: lists every mistake with the place of its key.
    """
    keys = {name: value for name, value in given.items() if value is not None}
    for key, inner in FILES.items():
        if isinstance(keys.get(key), Path):
            keys[key] = {inner: keys[key]}
    keys, frame = _without_frame(keys, out / ".cache" / "frames")
    problems: list[Problem] = []
    values = cast("dict[str, object]", _plain(keys, (), problems))
    if problems:
        raise StudyFileError(problems)
    values = with_file(values, Path())
    values = {"name": values["name"] if "name" in values else _default_name(values), **values}
    if frame is not None:
        values["data"] = {**cast("dict[str, object]", values["data"]), "path": str(frame)}
    content = to_yaml(absolute(values, Path())).encode("utf-8", "surrogatepass")
    return read_document(_without_lines(content), content, Path(SOURCE))


def _without_frame(keys: dict[str, object], folder: Path) -> tuple[dict[str, object], Path | None]:
    """The keys with a frame replaced by the name of its file, and the file's path; None where there is no frame."""
    data = keys.get("data")
    if is_frame(data):
        data = {"frame": data}
    if not isinstance(data, Mapping) or "frame" not in data:
        return keys, None
    given = dict(cast("Mapping[str, object]", data))
    frame = given.pop("frame")
    wrong = ""
    if not is_frame(frame):
        wrong = f"{show(frame)} is not a pandas frame; give a pandas.DataFrame with a row per interaction"
    elif both := [name for name in ("path", "name", "format", "sep") if name in given]:
        wrong = f"frame and {both[0]} are both given; leave out {both[0]}"
    if wrong or not is_frame(frame):
        raise StudyFileError([Problem(source=SOURCE, code="frame", path=("data", "frame"), message=wrong)])
    columns = given.get("columns")
    named = cast("Mapping[str, object]", columns) if isinstance(columns, Mapping) else {}
    path = write_frame(frame, named, folder, source=SOURCE)
    return {**keys, "data": {"path": path.name, **given}}, path.absolute()


def _plain(value: object, here: Place, problems: list[Problem]) -> object:
    """The value converted to types of a study file; adds unsupported values to ``problems``."""

    def wrong(code: str, message: str) -> None:
        problems.append(Problem(source=SOURCE, code=code, path=here, message=message))

    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Intervention):
        value = {value.id: value.settings()} if value.settings() else value.id
    if value is None or type(value) in (bool, int, float, str):
        return value
    if len(here) >= DEEPEST:
        return wrong("too_deep", f"nested more than {DEEPEST} deep; a study needs 6")
    if isinstance(value, Mapping):
        inner = cast("Mapping[object, object]", value)
        for key in inner:
            if not isinstance(key, str):
                wrong("key_shape", f"the key {show(key)} is not text; write it in quotes")
        return {key: _plain(each, (*here, key), problems) for key, each in inner.items() if isinstance(key, str)}
    if isinstance(value, (list, tuple, range, np.ndarray)):
        entries = list(cast("list[object]", value))
        return [_plain(each, (*here, place), problems) for place, each in enumerate(entries)]
    kind = type(value).__name__
    wrong("not_plain", f"{show(value)} ({kind}) is not supported; give text, numbers, booleans, lists or mappings")
    return None


def _default_name(values: Mapping[str, object]) -> str:
    """A name built from the data's name and a hash of all keys, so that equal keys give equal names."""
    data = values.get("data")
    part = cast("dict[str, object]", data) if isinstance(data, dict) else {"name": data}
    label = str(part.get("name") or Path(str(part.get("path", ""))).stem)
    label = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:LONGEST_LABEL] or "study"
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
    return f"{label}-{digest}"


def _without_lines(content: bytes) -> Document:
    """The parsed document with all line numbers set to 0: the user has not seen this generated text."""
    try:
        document = parse_yaml(content, SOURCE)
    except StudyFileError as problem:
        raise StudyFileError([replace(each, line=0) for each in problem.problems]) from None
    document.lines, document.key_lines = {(): 0}, {}
    document.problems = [replace(each, line=0) for each in document.problems]
    return document
