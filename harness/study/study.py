"""The study file, read and checked as a whole before anything runs."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from harness.errors import did_you_mean
from harness.interventions import available
from harness.interventions.backbone import BackboneChoice
from harness.interventions.base import Intervention
from harness.modes.catalogue import MODES
from harness.results.evidence import Diagnostics, Level
from harness.study.arms import Lists, read_arms, read_base
from harness.study.checking import Modes, changes, checked, mistakes_in, mistakes_of
from harness.study.mistakes import Problem, StudyFileError, show
from harness.study.parts import BackboneModel, DataModel, DiagnosticsModel, FollowsModel, SomePart, read_part
from harness.study.remedies import as_mapping
from harness.study.replicates import DEFAULT_REPLICATES, ReplicatesModel
from harness.study.schema import json_schema
from harness.study.sources import backbone_file, backbone_model, data_spec, with_file
from harness.study.types import Overrides, Study, variant
from harness.study.yaml_lines import LARGEST_FILE, Document, parse_yaml

__all__ = [
    "Overrides",
    "Study",
    "StudyFileError",
    "load_study",
    "read_document",
    "read_study",
    "slugify",
    "study_schema",
]

LONGEST_SLUG = 60


def load_study(
    path: str | Path,
    overrides: Overrides | None = None,
    *,
    catalogue: Iterable[type[Intervention]] | None = None,
    modes: Modes = MODES,
) -> Study:
    """Read and check a study file.

    Args:
        path: the file; relative paths inside it start from its folder.
        overrides: values of the command line.
        catalogue: the interventions that arms may name; default: the catalogue and installed plug-ins.
        modes: those that ``mode:`` may name, the default first.

    Raises:
        StudyFileError: the file cannot be read or used; it lists every mistake with its line.
    """
    file = Path(path)
    return read_study(_read(file), file, overrides, catalogue=catalogue, modes=modes)


def read_study(
    content: bytes,
    file: Path,
    overrides: Overrides | None = None,
    *,
    catalogue: Iterable[type[Intervention]] | None = None,
    modes: Modes = MODES,
) -> Study:
    """Read and check the content of a study file.

    Args:
        content: YAML.
        file: the path that errors name; relative paths start from its folder.
        overrides: values of the command line.
        catalogue, modes: as for :func:`load_study`.

    Raises:
        StudyFileError: it cannot be used.
    """
    return read_document(parse_yaml(content, str(file)), content, file, overrides, catalogue=catalogue, modes=modes)


def read_document(
    document: Document,
    content: bytes,
    file: Path,
    overrides: Overrides | None = None,
    *,
    catalogue: Iterable[type[Intervention]] | None = None,
    modes: Modes = MODES,
) -> Study:
    """Check the document that the content of a study file was parsed to.

    Args:
        document: the values, with or without their lines.
        content, file, overrides, catalogue, modes: as for :func:`read_study`.

    Raises:
        StudyFileError: it cannot be used.
    """
    known = available() if catalogue is None else {each.id: each for each in catalogue}
    values = document.value
    if not isinstance(values, dict):
        found = "the file is empty" if values is None else "not a mapping of keys to values"
        document.add((), "no_mapping", f"{found}; a study needs name, data and arms")
        raise StudyFileError(document.problems)
    raw = with_file(cast(dict[str, object], values), file.parent)
    for path, code, message in mistakes_in(raw, modes):
        document.add(path, code, message, line=document.line(path))
    kind = modes.get(str(raw.get("mode", next(iter(modes)))))
    rows = read_arms(document, known, lists=kind.lists if kind else Lists.GRID) if "arms" in raw else ()
    base = read_base(document, known)
    for each in base:
        if isinstance(each, BackboneChoice):
            said = f"{each.id} is the backbone of every arm here; write  backbone: {{model: {each.kind.name}}}"
            document.add(("base",), "backbone_in_base", said, line=document.line(("base",)))
    data_part = _part(document, DataModel, "data", raw.get("data"))
    data = data_spec(document, data_part, file.parent) if data_part else None
    backbone = _part(document, BackboneModel, "backbone", raw.get("backbone", "per_seed"))
    given = backbone_file(document, backbone, file.parent) if backbone else None
    model = backbone_model(document, backbone) if backbone else None
    evidence = _part(document, DiagnosticsModel, "diagnostics", raw.get("diagnostics", {}))
    if evidence and evidence.arms is not None:
        _check_named_arms(document, evidence.arms, [row.arm for row in rows])
    follows = _part(document, FollowsModel, "follows", raw["follows"]) if raw.get("follows") is not None else None
    named_arms = as_mapping(raw.get("arms")) or {}
    for arm in follows.expects if follows else ():
        if arm not in named_arms:
            said = f"unknown arm {show(arm)}{did_you_mean(arm, named_arms)}"
            document.add(("follows", "expects", arm), "unknown_arm", said)
    mode = _part(document, kind, kind.name, raw.get(kind.name) or {}) if kind else None
    seeds = _part(document, ReplicatesModel, "replicates", raw.get("replicates", DEFAULT_REPLICATES))
    if kind and kind.fixed_seeds and seeds and seeds.start is not None:
        said = f"mode {kind.name} takes one number of replicates: {kind.fixed_seeds}; write  replicates: {seeds.most}"
        document.add(("replicates",), "fixed_seeds", said)
    if mode is not None and rows:
        mode.check(document, rows)
    options = Overrides() if overrides is None else overrides
    problems = [*document.problems, *mistakes_of(options, modes)]
    if problems or data is None or mode is None or evidence is None:
        raise StudyFileError(problems)
    final = checked(raw, options, modes)
    changed = changes(raw, options, modes)
    return Study(
        name=final.name,
        slug=slugify(final.name) + variant(changed),
        question=final.question,
        data=data,
        base=base,
        rows=rows,
        mode=mode,
        replicates=final.replicates.most,
        start=final.replicates.start,
        seed=final.seed,
        primary=final.primary,
        checkpoint=final.checkpoint or final.primary,
        sesoi=final.sesoi,
        guard=tuple(final.guard),
        protocol=final.protocol.protocol(),
        budget=final.budget,
        backbone=given or final.backbone.trained or "per_seed",
        n_sampled=final.backbone.n_sampled,
        model=model,
        diagnostics=Diagnostics(
            level=Level(evidence.level),
            arms=None if evidence.arms is None else tuple(evidence.arms),
            mute=evidence.mute or {},
        ),
        device=final.device,
        on_inapplicable=final.on_inapplicable,
        path=file,
        content=content,
        overrides=options,
        changed=changed,
        follows={} if final.follows is None else final.follows.model_dump(exclude_none=True),
        lines={key: document.line((key,)) for key in raw},
    )


def study_schema(catalogue: Iterable[type[Intervention]] | None = None) -> dict[str, Any]:
    """The JSON schema of a study file, for editors; plug-ins included unless a catalogue is given."""
    return json_schema(available() if catalogue is None else {each.id: each for each in catalogue}, MODES)


def slugify(name: str) -> str:
    """A name as a file name: ``a-z``, ``0-9``, ``-`` and ``_``, never empty, different for different names.

    If the name differs from its slug, a hash of the name is appended.

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
    raise StudyFileError([Problem(source=str(file), code="no_file", message=message)])


def _nearby(file: Path) -> str:
    folder = file.parent
    if not folder.is_dir():
        return f"; nor does its folder {folder}"
    names = [each.name for each in folder.iterdir() if each.suffix in (".yaml", ".yml")]
    close = difflib.get_close_matches(file.name, names, n=1)
    return f"; did you mean {folder / close[0]}?" if close else ""


def _part(document: Document, kind: type[SomePart], key: str, value: object) -> SomePart | None:
    """A part of the file; None if it has a mistake, such as one that the grammar has found already."""
    faulty = any(problem.path[:1] == (key,) for problem in document.problems)
    return None if faulty else read_part(kind, value)


def _check_named_arms(document: Document, named: Sequence[str], arms: Sequence[str]) -> None:
    for i, each in enumerate(named):
        if each not in arms:
            said = f"unknown arm {show(each)}{did_you_mean(each, arms)} (base is always measured)"
            document.add(("diagnostics", "arms", i), "unknown_arm", said)
