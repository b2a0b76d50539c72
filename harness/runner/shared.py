"""The stages that cells share: parsed data, trained backbones, encoded prefixes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.backbones.duorec.spec import DEFAULT, PACKAGE, BackboneSpec, backbone_key, resolve_precision
from harness.data.interactions import Interactions
from harness.data.split import Prefixes, split_prefixes
from harness.device import Device, computing_on, device_key, resolve_device
from harness.engine.types.streams import Streams
from harness.errors import InputError
from harness.files import locked, set_aside, sweep
from harness.imports.backbone_file import BackboneFile, read_backbone_file
from harness.results.manifest import StudyUsers
from harness.runner.tasks import SharedFiles
from harness.source_hash import backbone_hash
from harness.study.mistakes import StudyFileError
from harness.study.types import Study

if TYPE_CHECKING:
    from harness.backbones.duorec.checkpoint import Backbone
    from harness.backbones.duorec.pretrain import Progress

SHARED_THREADS = min(4, os.cpu_count() or 1)
"""Threads of the shared stages: fixed for a machine and part of their keys, since sums are split by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedStages:
    """Builds what the cells of a study share, below ``folder``, each part once.

    Attributes:
        study: the study file.
        data, prefixes: its interactions, split.
        data_dir: the folder of named data sets; None: the user's cache folder.
        folder: such as ``runs/.cache``.
        spec: the backbone's hyperparameters.
    """

    study: Study
    data: Interactions
    prefixes: Prefixes
    data_dir: Path | None
    folder: Path
    spec: BackboneSpec

    @classmethod
    def of(
        cls,
        study: Study,
        data: Interactions,
        *,
        data_dir: Path | None,
        folder: Path,
        spec: BackboneSpec = DEFAULT,
    ) -> SharedStages:
        """The shared stages of a study on its data.

        Raises:
            StudyFileError: the study names a backbone's file that belongs to other data.
        """
        given = study.backbone
        if isinstance(given, BackboneFile) and (given.n_items, given.fingerprint) != (data.n_items, data.fingerprint()):
            raise StudyFileError([study.problem("backbone", "other_data", _other_data(given, data))])
        return cls(
            study=study,
            data=data,
            prefixes=split_prefixes(data),
            data_dir=data_dir,
            folder=folder,
            spec=replace(spec, n_sampled=study.n_sampled) if study.n_sampled else spec,
        )

    @property
    def device(self) -> Device:
        """Where they are built."""
        return resolve_device(self.study.device)

    def backbone_key(self, replicate: int) -> str:
        """The content address of a replicate's backbone; needs no training."""
        if isinstance(self.study.backbone, BackboneFile):
            return file_key(self.study.backbone, self.device)
        return backbone_key(
            self.spec,
            fingerprint=self.data.fingerprint(),
            seed=self._seed(replicate),
            threads=SHARED_THREADS,
            precision=resolve_precision(self.spec.precision, device=self.device),
            device=self.device,
        )

    def files(self, replicate: int) -> SharedFiles:
        """Where the parts of a replicate lie once built."""
        key = self.backbone_key(replicate)
        return SharedFiles(
            data=self.study.data,
            data_dir=self.data_dir,
            fingerprint=self.data.fingerprint(),
            backbone=self.folder / "backbones" / f"{key}.safetensors",
            encodings=self.folder / "encodings" / f"{key}.npy",
            device=self.device,
        )

    def build(self, replicate: int, progress: Progress, tell: Callable[[str], None]) -> SharedFiles:
        """Train the replicate's backbone and encode every prefix, unless both are there.

        Raises:
            harness.errors.InputError: the backbone cannot be trained on these data.
            harness.errors.EnvironmentProblem: the folder cannot be written.
        """
        from harness.backbones.duorec.encode import encode_prefixes
        from harness.backbones.duorec.pretrain import computing_threads
        from harness.runner.cache import cached_array

        files = self.files(replicate)
        given = self.study.backbone
        with locked(files.backbone, tell, option="--out"):
            sweep(files.backbone.parent)
            if isinstance(given, BackboneFile):
                backbone = _kept(given, files.backbone)
            else:
                backbone = self._backbone(replicate, files.backbone.parent, progress)

        def encoded() -> NDArray[np.float32]:
            return encode_prefixes(backbone.model.to(self.device), self.data, self.prefixes).numpy()

        with computing_threads(SHARED_THREADS), computing_on(self.device):
            cached_array(files.encodings, encoded, tell)
        return files

    def _backbone(self, replicate: int, folder: Path, progress: Progress) -> Backbone:
        from harness.backbones.duorec.pretrain import pretrain

        return pretrain(
            self.data,
            self.spec,
            seed=self._seed(replicate),
            threads=SHARED_THREADS,
            checkpoint_dir=folder,
            progress=progress,
            device=self.device,
        )

    def _seed(self, replicate: int) -> int:
        return Streams(study_seed=self.study.seed, replicate=replicate).integer("backbone")

    def users(self) -> StudyUsers:
        """What the report needs of the users."""
        events = np.bincount(self.prefixes.target[self.prefixes.train], minlength=self.data.n_items + 1)
        first = self.data.items[self.data.offsets[:-1]]
        events += np.bincount(first, minlength=self.data.n_items + 1)
        return StudyUsers(
            history_length=self.prefixes.position[self.prefixes.test],
            target_popularity=events[self.prefixes.target[self.prefixes.test]],
        )


def file_key(given: BackboneFile, device: Device) -> str:
    """The name that a given backbone is kept under, 20 hexadecimal digits; its encodings depend on all that goes in."""
    torch_version = ".".join(importlib.metadata.version("torch").split(".")[:2])
    parts = ("file", given.checksum, str(SHARED_THREADS), backbone_hash(PACKAGE), torch_version)
    if device != "cpu":
        parts = (*parts, device_key(device))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def _kept(given: BackboneFile, copy: Path) -> Backbone:
    """The given backbone from its copy beside the trained ones, which is made first where it is missing or damaged.

    Raises:
        InputError: the file is another one than the study was read with.
    """
    from harness.backbones.duorec.checkpoint import DamagedCheckpointError, load_backbone, save_backbone

    if copy.exists():
        try:
            return load_backbone(copy)
        except DamagedCheckpointError:
            set_aside(copy, "it is not what was kept", then=f"copied again from {given.path}")
    if read_backbone_file(given.path, given.written).checksum != given.checksum:
        raise InputError(f"{given.path} changed while the study ran; run the study again")
    backbone = load_backbone(given.path)
    save_backbone(backbone, copy)
    return backbone


def _other_data(given: BackboneFile, data: Interactions) -> str:
    return (
        f"{given.written} belongs to other data ({given.n_items} items, fingerprint {given.fingerprint or 'unknown'}) "
        f"than {data.name} as this study reads it ({data.n_items} items, fingerprint {data.fingerprint()}); import it "
        "for these data, with the same file, columns and min_interactions"
    )
