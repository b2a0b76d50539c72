"""Checks of a study against its data alone, before a backbone trains; used by ``validate``, ``plan`` and ``run``.

Mode search checks only the initial setting of each arm, and mode greedy only the single arms: later settings and stacks
are known only while the study runs.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.data.download import Progress
from harness.data.fetch import data_folder, sha256_of
from harness.data.interactions import MIN_SEQUENCE, Interactions
from harness.data.named import find_named
from harness.data.protocol import Reach
from harness.data.sources import load
from harness.data.split import Indices, Prefixes, events_needed, split_prefixes
from harness.data.text import read_content
from harness.errors import InputError
from harness.interventions import CATALOGUE
from harness.modes.combining import JOINT, CombiningMode
from harness.modes.plan import Plan
from harness.modes.planning import refuse
from harness.recipe.recipe import Recipe
from harness.recipe.requirements import without_blocks
from harness.recipe.seams.fusion import AttentionFusion
from harness.recipe.seams.retrieval.admission import BestShare, LongerThan
from harness.recipe.seams.retrieval.memory import TrainSource
from harness.results.manifest import A_A, BASE, ArmRow
from harness.runner.shared import SharedStages
from harness.study.mistakes import Problem, StudyFileError
from harness.study.types import Study

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs

log = logging.getLogger(__name__)


def read_data(study: Study, data_dir: Path | None, progress: Progress = log.info) -> Interactions:
    """Return the study's data; an error is reported at the ``data`` line of the study file.

    Args:
        study: the study.
        data_dir: the folder of named data sets.
        progress: called with the progress of a fetch, as text.

    Raises:
        StudyFileError: the file cannot be used, or no data are left.
        harness.errors.EnvironmentProblem: a named set cannot be fetched.
    """
    try:
        return load(study.data, data_dir, progress=progress)
    except InputError as problem:
        raise StudyFileError([study.problem("data", "data", str(problem))]) from problem


def check_here(plan: Plan, data_dir: Path | None) -> str:
    """Check a plan against its data if the data are on this machine; nothing is fetched.

    Returns:
        A sentence on what was not checked; empty if everything was.

    Raises:
        StudyFileError: as in :func:`check_data`, or the backbone file belongs to other data.
    """
    study = plan.study
    if study.data.name is not None and not _is_here(study.data.name, data_dir):
        return (
            f"not checked against the data: {study.data.name} is not on this machine yet; fetch it with  "
            f"ftr-study data get {study.data.name}"
        )
    data = read_data(study, data_dir)
    stages = SharedStages.of(study, data, data_dir=data_dir, folder=Path())
    check_data(plan, data, spec=stages.spec)
    return ""


def _is_here(name: str, data_dir: Path | None) -> bool:
    """Return whether the data folder holds a complete copy of a named set."""
    wanted = find_named(name)
    path = data_folder(data_dir) / wanted.file_name
    return path.is_file() and sha256_of(read_content(path)) == wanted.sha256


def check_data(plan: Plan, data: Interactions, *, spec: Backbone = DEFAULT) -> Plan:
    """Refuse arms that must fail on these data, judged by counts alone.

    Args:
        plan: the study's plan.
        data: its interactions.
        spec: the backbone.

    Returns:
        The plan. With ``on_inapplicable: skip`` in modes grid and search, an arm that cannot run on these data becomes
        an inapplicable row with its reason.

    Raises:
        StudyFileError: no user has enough events for a training target, a memory would be empty, a fusion does not fit
            the backbone, or the protocol needs timestamps that the data lack; each at its line.
    """
    study = plan.study
    if study.protocol.memory is Reach.PAST and data.times is None:
        refuse([_no_timestamps(study, data)])
    prefixes = split_prefixes(data, study.protocol)
    if not len(prefixes.train):
        raise StudyFileError([study.problem("data", "no_training_target", _too_short(data))])
    inputs = cast("Inputs", DataAlone(data=data, prefixes=prefixes))
    known: dict[str, str] = {}
    failing: dict[str, Problem] = {}
    for row in plan.rows:
        recipe = plan.recipes.get(row.name)
        if recipe is None or row.name == A_A:
            continue
        key = _decisive(recipe)
        if key not in known:
            known[key] = _cannot_sample(recipe, study) or _cannot_run(
                recipe, inputs, recipe.backbone or spec, study.budget.epochs
            )
        if known[key]:
            failing[row.name] = _problem(plan, row, known[key], failing)
    skipped = study.on_inapplicable == "skip" and not isinstance(study.mode, CombiningMode) and BASE not in failing
    if failing and not skipped:
        # Every arm that keeps this seam of base has the same fault, so only base's is reported.
        refuse([failing[BASE]] if BASE in failing else _first_of_each_line(failing.values()))
    return _without(plan, {name: each.message for name, each in failing.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAlone:
    """The part of a run's inputs that exists before there is a backbone."""

    data: Interactions
    prefixes: Prefixes


def _decisive(recipe: Recipe) -> str:
    """Return, as text, the seams that decide whether a run must fail on these data."""
    parts = (recipe.sources, recipe.admission, recipe.fusion, recipe.phases, recipe.learning_rates, recipe.backbone)
    return "|".join(map(str, parts))


def _cannot_sample(recipe: Recipe, study: Study) -> str:
    """Return why the arm's backbone does not support the study's sampled softmax; empty if it does."""
    if recipe.backbone is None or not study.n_sampled:
        return ""
    try:
        recipe.backbone.with_sampled(study.n_sampled)
    except InputError as problem:
        return str(problem)
    return ""


def _cannot_run(recipe: Recipe, inputs: Inputs, spec: Backbone, epochs: int) -> str:
    """Return why a run of the recipe must fail on these data; empty if no fault is found."""
    width = getattr(spec, "hidden_size", None)  # a plug-in's backbone may lack it
    fusion = recipe.fusion
    if isinstance(fusion, AttentionFusion) and isinstance(width, int) and width % fusion.n_heads:
        return (
            f"{fusion.n_heads} heads do not divide the backbone's width {width}; give fusion.attention a divisor of it"
        )
    if not spec.has_blocks and (why := without_blocks(recipe, spec.name)):
        return why
    entries = _sourced(recipe, inputs, epochs)
    if entries is None or _admits(recipe, inputs, entries):
        return ""
    return _empty_memory(recipe, inputs, entries, epochs)


def _sourced(recipe: Recipe, inputs: Inputs, epochs: int) -> Indices | None:
    """Return the prefixes that may be entries at the start; None if only a run can tell."""
    try:
        return recipe.sources.entries(inputs, done=0, epochs=epochs)
    except Exception:  # noqa: BLE001 - only a run can tell; it reports what a plug-in raises, with the place
        return None


def _admits(recipe: Recipe, inputs: Inputs, entries: Indices) -> bool:
    """Return whether any of these prefixes is admitted; also True if only a run can tell."""
    if not len(entries):
        return False
    if isinstance(recipe.admission, BestShare):  # keeps a share of any number, at least one
        return True
    try:
        return bool(recipe.admission.admitted(entries, inputs).any())
    except Exception:  # noqa: BLE001 - as above
        return True


def _empty_memory(recipe: Recipe, inputs: Inputs, entries: Indices, epochs: int) -> str:
    rule, lengths, whole = recipe.admission, inputs.data.lengths, isinstance(recipe.sources, TrainSource)
    wanted = f"is longer than {rule.length} items" if isinstance(rule, LongerThan) else "passes"
    when = "" if whole else f" at the start of training, where the sources are {recipe.sources}"
    said = f"the memory is empty: none of {len(entries)} training prefixes {wanted} (admission {rule}){when}"
    if isinstance(rule, LongerThan) and whole:
        needed = events_needed(rule.length + 1, inputs.prefixes.protocol)
        said += (
            f"; a user needs {needed} events or more, and {(lengths >= needed).sum()} of {len(lengths)} users have "
            f"them (the longest history has {lengths.max()})"
        )
    fixes = [f"give longer histories{'' if whole else ' or hold out less'}"]
    remedies = [each.id for each in CATALOGUE if _helps(each().apply(recipe), recipe, inputs, epochs)]
    fixes += [f"admit shorter ones with {' or '.join(remedies)}"] if remedies else ["use another admission rule"]
    return f"{said}; {', or '.join(fixes)}"


def _helps(other: Recipe, recipe: Recipe, inputs: Inputs, epochs: int) -> bool:
    """Whether the other recipe admits prefixes where this one admits none."""
    entries = None if other.admission == recipe.admission else _sourced(other, inputs, epochs)
    return entries is not None and _admits(other, inputs, entries)


def _no_timestamps(study: Study, data: Interactions) -> Problem:
    said = (
        f"past needs a timestamp for every event, and {data.load_report.source} has none as read; give a table and "
        "name its timestamp column (data: {columns: {time: …}}), or write  memory: any"
    )
    return replace(study.problem("protocol", "no_timestamps", said), path=("protocol", "memory"))


def _too_short(data: Interactions) -> str:
    needed = MIN_SEQUENCE + 1
    return (
        f"{data.name} has no training target: 0 of {data.n_users} users have {needed} events or more, and a user needs "
        f"{needed} (a first one, one to train on, one each for the validation and test set); the longest history has "
        f"{data.lengths.max()}; give longer histories"
    )


def _problem(plan: Plan, row: ArmRow, why: str, others: Collection[str]) -> Problem:
    """Return the fault at the line of its arm (in a stack: of the arm that fails alone), or at that of base or data."""
    study = plan.study
    if row.name == BASE:
        written = _decisive(plan.base) != _decisive(plan.as_found)
        fix = "" if written or "scope." not in why else ", written as  base: REMEDY  so that every arm has it"
        return study.problem("base" if written else "data", "empty_memory", f"{why}{fix}")
    arms = row.arm.split(JOINT)
    arm = next((each for each in arms if each in others), arms[0])
    named = "" if row.name == arm else f"{row.name}: "
    return study.problem(f"arms.{arm}", "empty_memory", f"{named}{why}")


def _first_of_each_line(problems: Iterable[Problem]) -> list[Problem]:
    """Return one fault per arm, that of its first row."""
    first: dict[object, Problem] = {}
    for each in problems:
        first.setdefault(each.path, each)
    return list(first.values())


def _without(plan: Plan, reasons: dict[str, str]) -> Plan:
    """Return the plan with these rows marked inapplicable: each has its reason and no cells."""
    if not reasons:
        return plan
    return replace(
        plan,
        rows=tuple(
            replace(row, status="inapplicable", reason=reasons[row.name]) if row.name in reasons else row
            for row in plan.rows
        ),
        recipes={name: recipe for name, recipe in plan.recipes.items() if name not in reasons},
        spaces={name: space for name, space in plan.spaces.items() if name not in reasons},
        tuned_backbones={name: n for name, n in plan.tuned_backbones.items() if name not in reasons},
        notes=tuple(note for note in plan.notes if not note.startswith(tuple(f"  {name} sets " for name in reasons))),
    )
