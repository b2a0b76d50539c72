"""The data on a study in its folder: its arms, the record of every cell, the items, and the users of the ranks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from harness.errors import InputError

SCHEMA_VERSION = 2
BASE = "base"
A_A = "a/a"
BACKBONE = "backbone."
"""Prefix of the ids of remedies that choose another backbone."""


def first_fault(problem: ValidationError) -> str:
    """The first place where a file of results does not match its type, and how."""
    first = problem.errors()[0]
    return ": ".join(str(each) for each in (*first["loc"], first["msg"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """One row of the ranking: an arm at one setting.

    Attributes:
        name: unique in the study, such as ``weight[weight=0.003]``, ``base`` or ``a/a``.
        arm: the arm's name in the study file.
        remedies: the stack, each ``{"id": ..., "settings": {...}, "title": ..., "title_zh": ...}``.
        family: the family of a single remedy, ``stack`` for several, empty for base and a/a.
        priority: the problem list's priority of a single remedy (H, M, L), else ``-``.
        status: ``run`` has cells of its own; ``alias`` equals another row's recipe (``alias_of``);
            ``inapplicable`` cannot act on this base (``reason``).
        keys: replicate number -> record key; holds finished cells only.
        failures: replicate number -> why the cell failed; lines after the first are a traceback.
        replaces: what the arm overrides in the study's base stack, a sentence each.
        diagnoses: replicate number -> key of the evidence measured in that cell; holds finished ones only.
        fitted_on_validation: seams of the arm's recipe that were fitted to targets of the validation set, such as
            ``calibration``; empty in folders of earlier versions.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    arm: str
    remedies: tuple[Mapping[str, Any], ...] = ()
    family: str = ""
    priority: str = "-"
    status: Literal["run", "alias", "inapplicable"] = "run"
    alias_of: str = ""
    reason: str = ""
    keys: Mapping[int, str] = field(default_factory=dict[int, str])
    failures: Mapping[int, str] = field(default_factory=dict[int, str])
    replaces: tuple[str, ...] = ()
    diagnoses: Mapping[int, str] = field(default_factory=dict[int, str])
    fitted_on_validation: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ArmRow({self.name!r}, {self.status}, {len(self.keys)} finished, {len(self.failures)} failed)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRow:
    """A reference row below the ranking, scored under the study's protocol; a useful arm has to beat it.

    Attributes:
        name: unique among them, such as ``popularity``.
        title, title_zh: what the page calls it.
        note: code of its deviation from the protocol, such as ``all_events``; empty if there is none.
        trained: whether it is computed from trained backbones.
        keys: replicate number -> record key; only 0 for a reference without randomness.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    title: str
    title_zh: str = ""
    note: str = ""
    trained: bool = False
    keys: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyManifest:
    """A study as planned and as far as it has run.

    Attributes:
        primary: the metric that ranks the arms, such as ``ndcg@10``, on the test set, as served.
        sesoi: smallest effect of interest, as a fraction of base's primary metric.
        replicates: replicate numbers, ascending.
        base: the study's base stack as text; empty for FTragrec as published.
        checkpoint: metric on the validation set that chooses the epoch of a run; empty in folders without it.
        backbone_file: name, checksum and origin of the backbone file of all replicates; empty where they are trained.
        backbone_recipe: how base's backbone differs from the default: its model, and n_sampled.
        protocol: how the study measures, by the keys of the study file; empty in folders of earlier versions.
        guard: metrics on the test set that must not fall.
        references: rows below the ranking.
        follows: the study that this one follows and what it expects of its arms, as the study file has it.
        data: name, fingerprint, n_users, n_items, n_interactions, tied_share, dropped, source, notes, read_as, ties.
        diagnostics: level of the evidence, and code of a muted check -> the reason.
        file: the study file as it was run: its path, its text and the values of the command line.
        course: how a search or a choice of stacks led to these rows; empty where the study file names them all.
        seeds: of :class:`harness.results.seeds.Seeds`, as JSON; empty in a fixed study that was never extended.
        provenance: command, versions, machine, git, started, finished, seconds, n_run, n_reused.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    question: str
    primary: str
    sesoi: float
    seed: int
    replicates: tuple[int, ...]
    budget: Mapping[str, int]
    backbone: Literal["per_seed", "shared", "file"]
    base: tuple[str, ...]
    data: Mapping[str, Any]
    rows: tuple[ArmRow, ...]
    backbone_file: Mapping[str, Any] = field(default_factory=dict[str, Any])
    backbone_recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    diagnostics: Mapping[str, Any] = field(default_factory=dict[str, Any])
    file: Mapping[str, Any] = field(default_factory=dict[str, Any])
    course: Mapping[str, Any] = field(default_factory=dict[str, Any])
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])
    checkpoint: str = ""
    protocol: Mapping[str, Any] = field(default_factory=dict[str, Any])
    guard: tuple[str, ...] = ()
    seeds: Mapping[str, Any] = field(default_factory=dict[str, Any])
    references: tuple[ReferenceRow, ...] = ()
    follows: Mapping[str, Any] = field(default_factory=dict[str, Any])
    schema_version: int = SCHEMA_VERSION

    def __repr__(self) -> str:
        data, seeds = self.data.get("name", ""), len(self.replicates)
        return f"StudyManifest({self.name!r}, {self.primary} on {data}, {len(self.rows)} rows, {seeds} replicates)"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> StudyManifest:
        """The manifest that :meth:`to_json` wrote.

        Raises:
            InputError: it is not a mapping, or was written by another version.
            pydantic.ValidationError: a field is missing, unknown, or of another type.
        """
        raw = cast("object", json.loads(text))
        if not isinstance(raw, dict):
            raise InputError("the manifest is no mapping; run the study again, its records are kept")
        version = cast("dict[str, object]", raw).get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                f"manifest has schema_version {version!r}, this version reads {SCHEMA_VERSION}; run the study again"
            )
        return TypeAdapter(cls).validate_python(raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyItems:
    """What the report needs to know about the items.

    Attributes:
        label: the source's item ids by item number, ``(n_items + 1,)`` of str; entry 0 is empty.
        popularity: training events of each, ``(n_items + 1,)``; entry 0 is 0.
    """

    label: NDArray[np.str_]
    popularity: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"StudyItems({len(self.label) - 1} items)"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyUsers:
    """What the report needs to know about the users, in the order of the ranks.

    Attributes:
        history_length: items before each test target, in the shape of the ranks on the test set; None if a table of
            ranks does not have it.
        target_popularity: training events of each test target, in the same shape; None likewise.
        user: the source's user ids, ``(n_users,)`` of str; None in folders of earlier versions.
        valid_target, test_target: the source's item ids of the targets, str in the shape of the ranks; None likewise.
    """

    history_length: NDArray[np.int64] | None
    target_popularity: NDArray[np.int64] | None
    user: NDArray[np.str_] | None = None
    valid_target: NDArray[np.str_] | None = None
    test_target: NDArray[np.str_] | None = None

    def __repr__(self) -> str:
        n_users = max((len(values) for values in self.known.values()), default=0)
        return f"StudyUsers({n_users} users: {', '.join(self.columns('test'))})"

    @property
    def known(self) -> dict[str, NDArray[Any]]:
        """Name of a field -> its array, for the fields that are not None."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: values for name, values in found.items() if values is not None}

    def columns(self, split: Literal["valid", "test"]) -> dict[str, NDArray[Any]]:
        """The known arrays on users and on their targets of the split, by their column names in tables of ranks."""
        known = {
            "user": self.user,
            "target": self.test_target if split == "test" else self.valid_target,
            "history_length": self.history_length,
            "target_popularity": self.target_popularity,
        }
        return {name: values for name, values in known.items() if values is not None}
