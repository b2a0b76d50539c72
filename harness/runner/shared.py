"""The stages that cells share: parsed data, trained backbones, encoded prefixes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.backbones.base import Backbone, TrainedBackbone
from harness.backbones.registry import DEFAULT
from harness.backbones.values import Progress
from harness.baselines.scoring import events_of
from harness.data.interactions import Interactions
from harness.data.split import Prefixes, split_prefixes
from harness.device import Device, computing_on, computing_threads, resolve_device
from harness.engine.types.streams import Streams
from harness.errors import InputError
from harness.files import locked, set_aside, sweep
from harness.imports.backbone_file import BackboneFile, read_backbone_file
from harness.modes.plan import BackboneRef
from harness.results.manifest import StudyItems, StudyUsers
from harness.runner.tasks import SharedFiles
from harness.stopping import nothing
from harness.study.mistakes import StudyFileError
from harness.study.types import Study

SHARED_THREADS = min(4, os.cpu_count() or 1)
"""Threads of the shared stages; part of their keys, because the number of threads decides how sums are split.

The number is fixed per machine: under ``taskset``, Slurm or a container's quota the keys stay, and training is slower.
The number of workers follows the processors that the process may use, see :func:`harness.processors.processors`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedStages:
    """Builds the parts that a study's cells share, each once, below ``folder``.

    Attributes:
        study: the study file.
        data, prefixes: its interactions, and their prefixes after the split.
        data_dir: the folder of named data sets; None: the user's cache folder.
        folder: the cache folder, such as ``runs/.cache``.
        spec: the study's own backbone, either trained or read from the given file.
    """

    study: Study
    data: Interactions
    prefixes: Prefixes
    data_dir: Path | None
    folder: Path
    spec: Backbone
    _keys: dict[BackboneRef, str] = field(default_factory=dict[BackboneRef, str], init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        study: Study,
        data: Interactions,
        *,
        data_dir: Path | None,
        folder: Path,
        spec: Backbone = DEFAULT,
    ) -> SharedStages:
        """The shared stages of a study on its data.

        Raises:
            StudyFileError: the study names a backbone file that belongs to other data or was trained under another
                split.
        """
        given = study.backbone
        if isinstance(given, BackboneFile):
            spec = given.spec
            if (given.n_items, given.fingerprint) != (data.n_items, data.fingerprint()):
                raise StudyFileError([study.problem("backbone", "other_data", _other_data(given, data))])
            if given.split() != (study.protocol.targets, study.protocol.valid_targets):
                raise StudyFileError([study.problem("backbone", "saw_test_targets", _other_split(given, study))])
        return cls(
            study=study,
            data=data,
            prefixes=split_prefixes(data, study.protocol),
            data_dir=data_dir,
            folder=folder,
            spec=spec if isinstance(given, BackboneFile) else _sampled(study.model or spec, study),
        )

    @property
    def device(self) -> Device:
        """The device on which they are built."""
        return resolve_device(self.study.device)

    def spec_of(self, wanted: BackboneRef) -> Backbone:
        """The backbone to train for ``wanted``.

        Raises:
            InputError: the study asks for a sampled softmax, which an arm's backbone does not support.
        """
        return self.spec if wanted.spec is None else _sampled(wanted.spec, self.study)

    def given(self, wanted: BackboneRef) -> BackboneFile | None:
        """The file that ``wanted`` is read from; None if it is trained."""
        found = self.study.backbone
        return found if wanted.spec is None and isinstance(found, BackboneFile) else None

    def backbone_key(self, wanted: BackboneRef) -> str:
        """The content address of a backbone, known before it is trained."""
        if wanted not in self._keys:
            self._keys[wanted] = self._backbone_key(wanted)
        return self._keys[wanted]

    def _backbone_key(self, wanted: BackboneRef) -> str:
        given, spec = self.given(wanted), self.spec_of(wanted)
        if given is not None:
            return spec.file_key(checksum=given.checksum, threads=SHARED_THREADS, device=self.device)
        return spec.key(
            fingerprint=self.data.fingerprint(),
            seed=self._seed(wanted.replicate),
            threads=SHARED_THREADS,
            device=self.device,
            protocol=self.study.protocol,
        )

    def files(self, wanted: BackboneRef) -> SharedFiles:
        """The files of a backbone and its encodings, whether they exist yet or not."""
        key = self.backbone_key(wanted)
        return SharedFiles(
            data=self.study.data,
            data_dir=self.data_dir,
            fingerprint=self.data.fingerprint(),
            spec=self.spec_of(wanted),
            backbone=self.folder / "backbones" / f"{key}.safetensors",
            encodings=self.folder / "encodings" / f"{key}.npy",
            device=self.device,
            protocol=self.study.protocol,
        )

    def is_built(self, wanted: BackboneRef) -> bool:
        """Whether the encodings of a backbone exist; they are written after the backbone itself."""
        return self.files(wanted).encodings.exists()

    def build(
        self,
        wanted: BackboneRef,
        progress: Progress,
        tell: Callable[[str], None],
        meanwhile: Callable[[], None] = nothing,
    ) -> SharedFiles:
        """Train a backbone and encode every prefix, unless both exist.

        Args:
            wanted: the backbone.
            progress: called after every epoch.
            tell: called with a message if another process is building a part.
            meanwhile: called repeatedly while waiting for that process.

        Raises:
            harness.errors.InputError: the backbone cannot be trained on these data.
            harness.errors.EnvironmentProblem: the folder cannot be written.
        """
        from harness.runner.cache import cached_array

        files = self.files(wanted)
        given = self.given(wanted)
        with locked(files.backbone, tell, option="--out", meanwhile=meanwhile):
            sweep(files.backbone.parent)
            if given is not None:
                backbone = _kept(given, files.backbone)
            else:
                backbone = self._backbone(wanted, files.backbone.parent, progress)

        def encoded() -> NDArray[np.float32]:
            return backbone.model.to(self.device).encode(self.data, self.prefixes).numpy()

        with computing_threads(SHARED_THREADS), computing_on(self.device):
            cached_array(files.encodings, encoded, tell, meanwhile)
        return files

    def _backbone(self, wanted: BackboneRef, folder: Path, progress: Progress) -> TrainedBackbone:
        from harness.backbones.training import train_backbone

        return train_backbone(
            self.spec_of(wanted),
            self.data,
            seed=self._seed(wanted.replicate),
            threads=SHARED_THREADS,
            checkpoint_dir=folder,
            progress=progress,
            device=self.device,
            protocol=self.study.protocol,
        )

    def _seed(self, replicate: int) -> int:
        return Streams(study_seed=self.study.seed, replicate=replicate).integer("backbone")

    def items(self) -> StudyItems:
        """The data on items that the report needs."""
        popularity = events_of(self.data, self.prefixes.held_out).popularity
        return StudyItems(label=self.data.item_labels, popularity=np.append(0, popularity).astype(np.int64))

    def users(self, popularity: NDArray[np.int64]) -> StudyUsers:
        """The data on users that the report needs.

        Args:
            popularity: training events of each item, ``(n_items + 1,)``; index 0 is not an item.
        """
        prefixes, labels = self.prefixes, self.data.item_labels
        target = prefixes.target[prefixes.test]
        return StudyUsers(
            history_length=prefixes.by_user(prefixes.position[prefixes.test], prefixes.test),
            target_popularity=prefixes.by_user(popularity[target], prefixes.test),
            user=self.data.user_labels,
            valid_target=prefixes.by_user(labels[prefixes.target[prefixes.valid]], prefixes.valid),
            test_target=prefixes.by_user(labels[target], prefixes.test),
        )


def _sampled(spec: Backbone, study: Study) -> Backbone:
    """Return the backbone, with the study's sampled softmax if it asks for one."""
    return spec.with_sampled(study.n_sampled) if study.n_sampled else spec


def _kept(given: BackboneFile, copy: Path) -> TrainedBackbone:
    """Return the given backbone from its copy in the cache; the copy is made first if it is missing or damaged.

    Raises:
        InputError: the file has changed since the study was read.
    """
    from harness.backbones.tensor_file import DamagedCheckpointError
    from harness.backbones.training import load_backbone, save_backbone

    kind = type(given.spec)
    if copy.exists():
        try:
            return load_backbone(kind, copy)
        except DamagedCheckpointError:
            set_aside(copy, "its content is not what was written", then=f"copied again from {given.path}")
    if read_backbone_file(given.path, given.written).checksum != given.checksum:
        raise InputError(f"{given.path} changed while the study ran; run the study again")
    backbone = load_backbone(kind, given.path)
    save_backbone(backbone, copy)
    return backbone


def _other_split(given: BackboneFile, study: Study) -> str:
    targets, valid_targets = given.split()
    return (
        f"{given.written} was trained with the last {targets} and {valid_targets} events per user held out for test "
        f"and validation set, and this study holds out {study.protocol.targets} and {study.protocol.valid_targets}: it "
        "may have been trained on test targets; remove backbone to train one for every seed, or write  protocol: "
        f"{{targets: {targets}, valid_targets: {valid_targets}}}"
    )


def _other_data(given: BackboneFile, data: Interactions) -> str:
    return (
        f"{given.written} belongs to other data ({given.n_items} items, fingerprint {given.fingerprint or 'unknown'}) "
        f"than {data.name} as this study reads it ({data.n_items} items, fingerprint {data.fingerprint()}); import it "
        "for these data, with the same file, columns and min_interactions"
    )
