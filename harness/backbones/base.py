"""A backbone as a study names it: hyperparameters, key, training. Importing this module does not load torch.

A new backbone is one file or one folder with a subclass of :class:`Backbone` and the
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
    """The hyperparameters of a backbone: a frozen dataclass; its defaults are the one recipe for all data sets.

    Attributes:
        name: the name it is registered under, in the entry point group ``ftr_study.backbones``.
        package: dotted name of the package or module with its code; that code is part of every key.
        later: fields that older files lack -> the value to assume for each. A field with that value is left out of
            files and keys.
        title: name for people.
        tunable: fields that a study file may set, in ``backbone:`` or in an arm.
        has_blocks: whether the encoder has blocks; some remedies unfreeze the last of them.
        precision: precision of the products in a catalogue softmax: ``float32``, ``bfloat16`` or ``auto``.
        selection: validation metric that chooses the epoch; empty if no metric does.
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
        """Return an encoder for ``n_items`` items, its weights not yet initialised."""

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
        """Train the backbone, or resume from ``unfinished``; the state is saved there after each epoch.

        A resumed training must end with the same bits as an uninterrupted one.

        Args:
            data: the sequences.
            prefixes: the prefixes of ``data``: training targets are learnt, validation targets choose the epoch.
            seed: seed of initialisation, order and dropout.
            precision: the field ``precision``, resolved for the device.
            unfinished: file that holds the state.
            progress: called after every epoch.

        Raises:
            InputError: the data cannot be trained on, or the loss is no longer finite.
        """

    def shapes(self, n_items: int) -> Mapping[str, tuple[int, ...]] | None:
        """Return name -> shape of every tensor, to check a file without torch; None: checked when it is loaded."""
        return None

    def with_sampled(self, n_sampled: int) -> Self:
        """Return the same backbone, trained by a sampled softmax with ``n_sampled`` negatives.

        Raises:
            InputError: this backbone has no sampled softmax.
        """
        raise InputError(f"backbone {self.name} has no sampled softmax; remove n_sampled")

    def precision_on(self, device: str) -> Precision:
        """Return the precision that the field ``precision`` selects on ``cpu`` or ``cuda``."""
        return resolve_precision(self.precision, device=device)

    def described(self) -> dict[str, Any]:
        """Return the fields as written in files and keys; a field of ``later`` only if its value differs from there."""
        described: dict[str, Any] = asdict(self)  # pyright: ignore[reportArgumentType]
        return {name: value for name, value in described.items() if self.later.get(name, ...) != value}

    @classmethod
    def from_described(cls, described: object) -> Self:
        """Return the backbone from what :meth:`described` returned.

        Raises:
            InputError: the names of the fields or the type of a value differ from this version's.
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
        """Return a hash of :meth:`described`, 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.described(), sort_keys=True).encode()).hexdigest()[:16]

    def key(
        self, *, fingerprint: str, seed: int, threads: int, device: Device = "cpu", protocol: Protocol = AS_PUBLISHED
    ) -> str:
        """Return the key of the backbone trained from these inputs, 20 hexadecimal digits.

        It covers all that can change the weights' bits, such as precision, the code of ``package`` and torch's version.

        Args:
            fingerprint: hash of the data, from ``Interactions.fingerprint``.
            seed: seed of initialisation, order and dropout.
            threads: threads of the training; their number changes how sums are split.
            device: device of the training; ``cpu`` adds nothing to the key.
            protocol: protocol that splits the data.
        """
        chosen_by = metric_hash(self.selection) if self.selection else ""
        parts = (self.digest(), fingerprint, str(seed), str(threads), self.precision_on(device), chosen_by)
        return self._key(*parts, protocol.of_backbone(), device=device)

    def file_key(self, *, checksum: str, threads: int, device: Device = "cpu") -> str:
        """Return the key of a trained backbone read from a file: its checksum and everything that affects encoding."""
        return self._key("file", checksum, str(threads), self.precision_on(device), device=device)

    def _key(self, *parts: str, device: Device) -> str:
        torch_version = ".".join(importlib.metadata.version("torch").split(".")[:2])
        parts = (*parts, backbone_hash(self.package), torch_version)
        if not self.package.startswith("harness."):  # a package's code is hashed as a whole, and it may hold several
            parts = (*parts, self.name)
        if device != "cpu":
            parts = (*parts, device_key(device))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def flaw_in(kind: type[Backbone]) -> str:
    """Return what is wrong with the fields of a backbone class, and the fix; empty if nothing is wrong."""
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
    """A trained encoder and a record of its training.

    Attributes:
        model: the encoder with the weights of ``chosen_epoch``, on the CPU.
        spec: the backbone it was trained as.
        key: hash of everything that decides the weights.
        chosen_epoch: the epoch that the weights are from.
        history: one entry per epoch.
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
    """Return whether a value from a file has the field's type; an int counts as a float (JSON may write 1.0 as 1)."""
    return type(written) is type(known) or (type(written) is int and isinstance(known, float))
