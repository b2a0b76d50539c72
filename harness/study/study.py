"""The study file: what a user asks, read and checked as a whole before anything runs."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from harness.data.sources import DataSpec
from harness.imports.backbone_file import BackboneFile
from harness.interventions import available
from harness.interventions.base import Intervention
from harness.results.evidence import Diagnostics
from harness.study.arms import ArmSetting, Stack, read_arms, read_base
from harness.study.backbone import backbone_file
from harness.study.checking import check, read_backbone, read_data, read_diagnostics
from harness.study.data import data_spec
from harness.study.diagnostics import check_diagnostics, diagnostics_of
from harness.study.models import StudyModel
from harness.study.overrides import Overrides, check_overrides, overridden
from harness.study.problems import Problem, StudyFileError
from harness.study.schema import json_schema
from harness.study.search import Search, check_search, search_of
from harness.study.stacks import FactorialSpec, GreedySpec, check_stacks, factorial_spec, greedy_spec
from harness.study.yaml_lines import LARGEST_FILE, Document, parse_yaml

__all__ = ["ArmSetting", "Budget", "Overrides", "Study", "StudyFileError", "load_study", "slugify", "study_schema"]

LONGEST_SLUG = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long one run may train.

    Attributes:
        epochs: at most this many.
        patience: epochs without a better valid metric before the run stops.
    """

    epochs: int
    patience: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study file, checked, with every default filled in.

    Attributes:
        name: as written; escape it before it goes into a page.
        slug: the name as a file name.
        base: the stack under every arm; empty for FTragrec as found.
        rows: every setting of every arm, in the order of the file; base and a/a are not among them.
        search: how settings are looked for, in mode search; else None.
        factorial: which combinations of the arms run, in mode factorial.
        greedy: how a stack is built from the arms, in mode greedy.
        replicates: how many runs each setting gets.
        seed: seed of replicate 0.
        checkpoint: metric on valid that chooses the epoch of a run.
        sesoi: smallest effect of interest, as a fraction of base's primary metric.
        backbone: one for every replicate, one for all, or one given file for all.
        n_sampled: negatives a step where a backbone is trained by a sampled softmax; 0: by the whole one.
        diagnostics: which evidence is measured, and where.
        on_inapplicable: whether an arm that cannot act on this base refuses the study or is listed with its reason.
        path: the study file.
        content: its text.
        overrides: what the command line set in its place.
        lines: top-level key of the study file -> its line.
    """

    name: str
    slug: str
    question: str
    data: DataSpec
    base: Stack
    rows: tuple[ArmSetting, ...]
    mode: Literal["grid", "search", "factorial", "greedy"]
    factorial: FactorialSpec
    greedy: GreedySpec
    replicates: int
    seed: int
    primary: str
    checkpoint: str
    sesoi: float
    budget: Budget
    backbone: Literal["per_seed", "shared"] | BackboneFile
    diagnostics: Diagnostics
    device: Literal["auto", "cpu", "cuda"]
    on_inapplicable: Literal["error", "skip"]
    path: Path
    content: bytes = field(repr=False, compare=False)
    overrides: Overrides = field(repr=False, compare=False)
    n_sampled: int = 0
    search: Search | None = None
    lines: Mapping[str, int] = field(default_factory=dict[str, int], repr=False, compare=False)

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms, in the order of the file."""
        return tuple(dict.fromkeys(row.arm for row in self.rows))

    @property
    def n_compared(self) -> int:
        """How many replicates the rows of the report are compared by."""
        if self.search is not None:
            return self.search.confirm
        return self.greedy.confirm if self.mode == "greedy" else self.replicates

    def settings(self) -> tuple[ArmSetting, ...]:
        """Every arm at every point of its grid, in the order of the file."""
        return self.rows

    def problem(self, key: str, message: str) -> Problem:
        """A mistake that only later stages can see, with the line of ``arms.NAME`` or of a top-level key."""
        arm = key.removeprefix("arms.")
        lines = {row.arm: row.line for row in self.rows} if arm != key else self.lines
        path = ("arms", arm) if arm != key else (key,)
        return Problem(source=str(self.path), line=lines.get(arm, 0), path=path, message=message)


def load_study(
    path: str | Path,
    overrides: Overrides | None = None,
    *,
    catalogue: Iterable[type[Intervention]] | None = None,
) -> Study:
    """Read and check a study file.

    Args:
        path: the file; relative paths inside it start from its folder.
        overrides: values of the command line.
        catalogue: the interventions that arms may name; default: the catalogue and installed plug-ins.

    Raises:
        StudyFileError: the file cannot be read or used; it lists every mistake with its line.
    """
    file = Path(path)
    return read_study(_read(file), file, overrides, catalogue=catalogue)


def read_study(
    content: bytes,
    file: Path,
    overrides: Overrides | None = None,
    *,
    catalogue: Iterable[type[Intervention]] | None = None,
) -> Study:
    """The same from the content of a study file.

    Args:
        content: YAML.
        file: what errors name; relative paths start from its folder.
        overrides: values of the command line.
        catalogue: as for :func:`load_study`.

    Raises:
        StudyFileError: it cannot be used.
    """
    known = available() if catalogue is None else {each.id: each for each in catalogue}
    document = parse_yaml(content, str(file))
    values = document.value
    if not isinstance(values, dict):
        found = "the file is empty" if values is None else "not a mapping of keys to values"
        document.add((), f"{found}; a study needs name, data and arms")
        raise StudyFileError(document.problems)
    raw = cast(dict[str, object], values)
    model = _check_scalars(document, raw)
    searched = raw.get("mode") == "search"
    rows = read_arms(document, known, searched=searched) if "arms" in raw else ()
    base = read_base(document, known)
    data = _check_data(document, raw, file.parent)
    given = _check_backbone(document, raw, file.parent)
    _check_diagnostics(document, raw, [row.arm for row in rows])
    check_search(document, raw)
    check_stacks(document, raw, rows)
    options = Overrides() if overrides is None else overrides
    problems = [*document.problems, *check_overrides(options)]
    if problems or model is None or data is None:
        raise StudyFileError(problems)
    final = overridden(model, options)
    return Study(
        name=final.name,
        slug=slugify(final.name),
        question=final.question,
        data=data,
        base=base,
        rows=rows,
        mode=final.mode,
        search=search_of(final.search) if searched else None,
        factorial=factorial_spec(final.factorial),
        greedy=greedy_spec(final.greedy),
        replicates=final.replicates,
        seed=final.seed,
        primary=final.primary,
        checkpoint=final.checkpoint,
        sesoi=final.sesoi,
        budget=Budget(epochs=final.budget.epochs, patience=final.budget.patience),
        backbone=given or final.backbone.trained or "per_seed",
        n_sampled=final.backbone.n_sampled,
        diagnostics=diagnostics_of(final.diagnostics),
        device=final.device,
        on_inapplicable=final.on_inapplicable,
        path=file,
        content=content,
        overrides=options,
        lines={key: document.line((key,)) for key in raw},
    )


def study_schema(catalogue: Iterable[type[Intervention]] | None = None) -> dict[str, Any]:
    """The JSON schema of a study file, for editors; plug-ins included unless a catalogue is given."""
    return json_schema(available() if catalogue is None else {each.id: each for each in catalogue})


def slugify(name: str) -> str:
    """A name as a file name: ``a-z``, ``0-9``, ``-`` and ``_``, never empty, different for different names.

    Where the name says more than its slug, a hash of the name tells it apart.

    >>> slugify("kl_direction"), slugify("../KL direction")
    ('kl_direction', 'kl-direction-554b031d')
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", ascii_name).strip("-_")[:LONGEST_SLUG].strip("-_")
    if slug and slug == name:
        return slug
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug}-{digest}" if slug else f"study-{digest}"


def _read(file: Path) -> bytes:
    try:
        if file.is_file():
            with file.open("rb") as handle:
                return handle.read(LARGEST_FILE + 1)
        message = "is a folder, not a study file" if file.is_dir() else f"does not exist{_nearby(file)}"
        if file.exists() and not file.is_dir():
            message = "is not a regular file; save the study to one"
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        message = f"cannot be read: {reason}"
    raise StudyFileError([Problem(source=str(file), message=message)])


def _nearby(file: Path) -> str:
    folder = file.parent
    if not folder.is_dir():
        return f"; nor does its folder {folder}"
    names = [each.name for each in folder.iterdir() if each.suffix in (".yaml", ".yml")]
    close = difflib.get_close_matches(file.name, names, n=1)
    return f"; did you mean {folder / close[0]}?" if close else ""


def _check_scalars(document: Document, raw: Mapping[str, object]) -> StudyModel | None:
    model, problems = check(raw)
    for path, message in problems:
        document.add(path, message, line=document.line(path))
    return model


def _check_data(document: Document, raw: Mapping[str, object], folder: Path) -> DataSpec | None:
    """The data set, looked up unless the schema already found fault with this part."""
    faulty = any(problem.path[:1] == ("data",) for problem in document.problems)
    model = None if faulty else read_data(raw.get("data"))
    return data_spec(document, model, folder) if model else None


def _check_backbone(document: Document, raw: Mapping[str, object], folder: Path) -> BackboneFile | None:
    """The backbone's file, where the study names one, read unless the schema already found fault with this part."""
    faulty = any(problem.path[:1] == ("backbone",) for problem in document.problems)
    model = None if faulty else read_backbone(raw.get("backbone", "per_seed"))
    return backbone_file(document, model, folder) if model else None


def _check_diagnostics(document: Document, raw: Mapping[str, object], arms: Sequence[str]) -> None:
    faulty = any(problem.path[:1] == ("diagnostics",) for problem in document.problems)
    model = None if faulty else read_diagnostics(raw.get("diagnostics", {}))
    if model is not None:
        check_diagnostics(document, model, arms)
