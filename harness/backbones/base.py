"""A backbone as a study names it: its hyperparameters, its key and how it is trained.  No torch at import.

A new backbone is one folder, or one file: a subclass of :class:`Backbone` and the
:class:`~harness.backbones.encoder.Encoder` that it builds. ``harness.contracts.backbone.check_backbone`` tests it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from harness.backbones.values import EpochFigures, Precision, Progress, Tunable, resolve_precision
from harness.data.interactions import Interactions
from harness.data.protocol import AS_PUBLISHED, Protocol
from harness.data.split import Prefixes
from harness.device import Device, device_key
from harness.errors import InputError, did_you_mean
from harness.source_hash import backbone_hash, metric_hash

if TYPE_CHECKING:
    from harness.backbones.encoder import Encoder
    from harness.backbones.training_state import TrainingState


class Backbone(ABC):
    """The hyperparameters of a backbone: a frozen dataclass, whose defaults are its one recipe for all data sets.

    Attributes:
        name: that it is registered under, in the group ``ftr_study.backbones``.
        package: dotted name of the package, or of the module, whose code its keys cover.
        later: fields that older files lack, with the value that is meant there; they leave no mark in files and keys
            while they have it.
        title: what people call it.
        tunable: fields that a study file may set, in ``backbone:`` or in an arm.
        has_blocks: whether its encoder has blocks, of which remedies unfreeze the last.
        precision: of the products in a catalogue softmax: ``float32``, ``bfloat16`` or ``auto``.
        selection: metric on the validation set that chooses the epoch; empty where no metric does.
    """

    __slots__ = ()

    name: ClassVar[str]
    package: ClassVar[str]
    title: ClassVar[str] = ""
    tunable: ClassVar[Mapping[str, Tunable]] = {}
    has_blocks: ClassVar[bool] = True
    later: ClassVar[Mapping[str, Any]] = {}
    precision: str
    selection: str = ""

    @abstractmethod
    def build(self, n_items: int) -> Encoder:
        """An encoder of so many items, its weights not yet set."""

    @abstractmethod
    def fit(
        self,
        data: Interactions,
        prefixes: Prefixes,
        *,
        seed: int,
        precision: Precision,
        unfinished: Path,
        progress: Progress | None,
    ) -> TrainingState:
        """Train, or go on from ``unfinished``, where the state is kept after each epoch.

        An interrupted training ends with the bits that an uninterrupted one has.

        Args:
            data: the sequences.
            prefixes: of ``data``; the training targets are learnt, the valid targets choose the epoch.
            seed: of initialisation, order and dropout.
            precision: resolved from the field.
            unfinished: the file of the state.
            progress: told of every epoch.

        Raises:
            InputError: the data cannot be trained on, or the loss stops being finite.
        """

    def shapes(self, n_items: int) -> Mapping[str, tuple[int, ...]] | None:
        """Name -> shape of every tensor, to check a file before torch is loaded; None: checked when it is loaded."""
        return None

    def with_sampled(self, n_sampled: int) -> Self:
        """The same, trained by a sampled softmax of so many negatives.

        Raises:
            InputError: this backbone has none.
        """
        raise InputError(f"backbone {self.name} has no sampled softmax; remove n_sampled")

    def precision_on(self, device: str) -> Precision:
        """What the field ``precision`` means on ``cpu`` or ``cuda``."""
        return resolve_precision(self.precision, device=device)

    def described(self) -> dict[str, Any]:
        """Every field as files and keys have it: those of ``later`` only where they say something else."""
        described: dict[str, Any] = asdict(self)  # pyright: ignore[reportArgumentType]
        return {name: value for name, value in described.items() if self.later.get(name, ...) != value}

    @classmethod
    def from_described(cls, described: object) -> Self:
        """The backbone that :meth:`described` tells of.

        Raises:
            InputError: it tells of other fields than this version has, or of another type of value.
        """
        known: dict[str, Any] = asdict(cls())  # pyright: ignore[reportArgumentType]
        written: dict[str, Any] = {**cls.later, **described} if isinstance(described, dict) else {}
        different = sorted(known.keys() ^ written.keys())
        different = different or [name for name, value in known.items() if not _alike(written[name], value)]
        if different:
            raise InputError(f"it was written by another version of {cls.name} (it differs in {', '.join(different)})")
        return cls(**written)

    def __str__(self) -> str:
        """Its name and the fields that differ from their defaults: ``sasrec(dropout=0.2)``."""
        usual, own = type(self)().described(), self.described()
        changed = (f"{name}={own.get(name)}" for name in {**usual, **own} if own.get(name, ...) != usual.get(name, ...))
        written = ", ".join(changed)
        return f"{self.name}({written})" if written else self.name

    def digest(self) -> str:
        """A hash of every field, 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.described(), sort_keys=True).encode()).hexdigest()[:16]

    def key(
        self, *, fingerprint: str, seed: int, threads: int, device: Device = "cpu", protocol: Protocol = AS_PUBLISHED
    ) -> str:
        """The name of the trained backbone that these inputs make, 20 hexadecimal digits.

        Everything that can change its bits goes in, the precision, the code of ``package`` and torch's version too.

        Args:
            fingerprint: hash of the data, of ``Interactions.fingerprint``.
            seed: of initialisation, order and dropout.
            threads: that training uses; sums are split by them.
            device: that it is trained on; the CPU leaves no mark.
            protocol: that splits the data.
        """
        chosen_by = metric_hash(self.selection) if self.selection else ""
        parts = (self.digest(), fingerprint, str(seed), str(threads), self.precision_on(device), chosen_by)
        return self._key(*parts, protocol.of_backbone(), device=device)

    def file_key(self, *, checksum: str, threads: int, device: Device = "cpu") -> str:
        """The same of a trained backbone that a file brings, by the file's checksum and what encodes with it."""
        return self._key("file", checksum, str(threads), self.precision_on(device), device=device)

    def _key(self, *parts: str, device: Device) -> str:
        torch_version = ".".join(importlib.metadata.version("torch").split(".")[:2])
        parts = (*parts, backbone_hash(self.package), torch_version)
        if not self.package.startswith("harness."):  # a package may bring several, and its code is hashed as a whole
            parts = (*parts, self.name)
        if device != "cpu":
            parts = (*parts, device_key(device))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def flaw_in(kind: type[Backbone]) -> str:
    """What is wrong with the fields of a backbone, and the fix; empty where nothing is."""
    if not is_dataclass(kind):
        return f"{kind.__name__} is no dataclass; write @dataclass(frozen=True, slots=True, kw_only=True) above it"
    found = {each.name: each for each in fields(kind) if each.init}
    for name, each in found.items():
        if each.default is MISSING and each.default_factory is MISSING:
            return f"field {name} of {kind.__name__} has no default; give it one, with which all studies begin"
    for name in kind.tunable:
        if name not in found:
            said = f"tunable of {kind.__name__} names {name!r}, which is no field of it; add the field or rename it"
            return said + did_you_mean(name, found)
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedBackbone:
    """A trained encoder and how it came to be.

    Attributes:
        model: with the weights of ``chosen_epoch``, on the CPU.
        spec: that it was trained by.
        key: hash of everything that decides the weights.
        chosen_epoch: the epoch whose weights they are.
        history: one entry an epoch.
        seconds: wall time of the whole training.
        provenance: data, fingerprint, seed, threads, precision and torch's version, as text.
    """

    model: Encoder
    spec: Backbone
    key: str
    chosen_epoch: int
    history: tuple[EpochFigures, ...]
    seconds: float
    provenance: Mapping[str, str]


def _alike(written: object, known: object) -> bool:
    """Whether a value of a file may stand in a field; JSON does not tell 1 from 1.0."""
    return type(written) is type(known) or (type(written) is int and isinstance(known, float))
