"""A study as read from its file: checked, with every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.data.protocol import AS_PUBLISHED, Protocol
from harness.data.sources import DataSpec
from harness.engine.types.budget import Budget
from harness.imports.backbone_file import BackboneFile
from harness.results.evidence import Diagnostics
from harness.study.arms import ArmSetting, Stack
from harness.study.grammar import StudyMode
from harness.study.mistakes import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Values of the command line that replace those of the study file; None keeps the file's value."""

    replicates: int | None = None
    epochs: int | None = None
    patience: int | None = None
    seed: int | None = None
    device: str | None = None

    def given(self) -> dict[str, object]:
        """Each option that was given, by its name without the dashes."""
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) is not None}


def variant(changed: Mapping[str, object]) -> str:
    """The suffix of a folder's name for values of the command line; empty if there are none.

    >>> variant({"replicates": 1, "epochs": 2})
    '.epochs-2.replicates-1'
    """
    return "".join(f".{name}-{value}" for name, value in sorted(changed.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study file, checked, with every default filled in.

    Attributes:
        name: as written; escape it before it goes into a page.
        slug: the name as a file name, with what the command line changed: ``kl_direction.epochs-2``.
        base: the stack under every arm; empty for FTragrec as published.
        rows: every setting of every arm, in the order of the file; base and a/a are not among them.
        mode: decides which cells the study has; holds the settings of its part of the file.
        replicates: runs per setting; the maximum if `start` is set.
        start: runs per setting before it is decided which settings get more; None: all get `replicates`.
        seed: seed of replicate 0.
        checkpoint: metric on the validation set that chooses the epoch of a run; the primary unless the file has one.
        sesoi: smallest effect of interest, as a fraction of base's primary metric.
        backbone: one for every replicate, one for all, or one given file for all.
        model: the backbone that is trained; None: FTragrec's own.
        protocol: how the study measures, the same for every row.
        guard: metrics on the test set that must not fall.
        n_sampled: negatives per training step of a sampled softmax; 0: softmax over all items.
        diagnostics: which evidence is measured, and where.
        on_inapplicable: ``error`` refuses a study with an arm that cannot act on this base; ``skip`` lists the arm.
        path: the study file.
        content: its text.
        overrides: values of the command line.
        changed: the overrides that differ from the file's values.
        follows: the study that this one follows and what it expects, as the file has it; empty where it follows none.
        lines: top-level key of the study file -> its line.
    """

    name: str
    slug: str
    question: str
    data: DataSpec
    base: Stack
    rows: tuple[ArmSetting, ...]
    mode: StudyMode
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
    protocol: Protocol = AS_PUBLISHED
    guard: tuple[str, ...] = ()
    n_sampled: int = 0
    model: Backbone | None = None
    start: int | None = None
    changed: Mapping[str, object] = field(default_factory=dict[str, object], repr=False, compare=False)
    follows: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lines: Mapping[str, int] = field(default_factory=dict[str, int], repr=False, compare=False)

    def __repr__(self) -> str:
        size = f"{len(self.rows)} settings of {len(self.arms)} arms, {self.n_seeds} replicates"
        return f"Study({self.name!r}: {size}, {self.primary} on {self.data.label})"

    @property
    def own_backbone(self) -> Backbone | None:
        """The backbone under base if it is trained here; None if it comes from a file."""
        return None if isinstance(self.backbone, BackboneFile) else self.model or DEFAULT

    def backbone_recipe(self) -> dict[str, Any]:
        """How base's backbone differs from FTragrec's own, as JSON; for a file, its model if that differs."""
        found = self.model
        if isinstance(self.backbone, BackboneFile) and not isinstance(self.backbone.spec, type(DEFAULT)):
            found = self.backbone.spec
        model = {} if found is None else {"model": str(found)}
        return {**model, **({"n_sampled": self.n_sampled} if self.n_sampled else {})}

    @property
    def n_seeds(self) -> str:
        """How many runs each setting gets, in words: ``5``, or ``3 to 10``."""
        return f"{self.replicates}" if self.start is None else f"{self.start} to {self.replicates}"

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms, in the order of the file."""
        return tuple(dict.fromkeys(row.arm for row in self.rows))

    @property
    def n_compared(self) -> int:
        """The number of replicates on which the report compares rows."""
        return self.mode.n_compared(self.replicates)

    def problem(self, key: str, code: str, message: str) -> Problem:
        """A mistake that only a later stage can find, with the line of ``arms.NAME`` or of a top-level key."""
        arm = key.removeprefix("arms.")
        lines = {row.arm: row.line for row in self.rows} if arm != key else self.lines
        path = ("arms", arm) if arm != key else (key,)
        return Problem(source=str(self.path), code=code, line=lines.get(arm, 0), path=path, message=message)
