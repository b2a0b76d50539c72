"""The stages that cells share: parsed data, trained backbones, encoded prefixes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.backbones.base import Backbone
from harness.backbones.registry import DEFAULT
from harness.backbones.values import Progress
from harness.baselines.scoring import events_of
from harness.data.interactions import Interactions
from harness.data.split import Prefixes, split_prefixes
from harness.device import Device, resolve_device
from harness.engine.types.streams import Streams
from harness.imports.backbone_file import BackboneFile
from harness.modes.plan import BackboneRef
from harness.results.manifest import StudyItems, StudyUsers
from harness.runner.building import BuildTask, build
from harness.runner.tasks import SharedFiles
from harness.study.mistakes import StudyFileError
from harness.study.types import Study

SHARED_THREADS = min(4, os.cpu_count() or 1)
"""Threads of the shared stages, part of their keys, since sums are split by them.

They are fixed for a machine: under ``taskset``, Slurm or a container's quota the keys stay, and training is slower.
The number of workers follows what the process may use, see :func:`harness.processors.processors`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedStages:
    """Builds what the cells of a study share, below ``folder``, each part once.

    Attributes:
        study: the study file.
        data, prefixes: its interactions, split.
        data_dir: the folder of named data sets; None: the user's cache folder.
        folder: such as ``runs/.cache``.
        spec: the study's own backbone: what is trained, or what the given file holds.
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
            StudyFileError: the study names a backbone's file that belongs to other data, or that was trained under
                another split.
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
        """Where they are built."""
        return resolve_device(self.study.device)

    @property
    def threads(self) -> int:
        """With which they are computed."""
        return SHARED_THREADS

    @property
    def one_by_one(self) -> bool:
        """Whether no two backbones train at once: several threads, or the GPU, belong to one of them."""
        return self.threads > 1 or self.device != "cpu"

    def spec_of(self, wanted: BackboneRef) -> Backbone:
        """What is trained for a cell.

        Raises:
            InputError: an arm's backbone has no sampled softmax, and the study asks for one.
        """
        return self.spec if wanted.spec is None else _sampled(wanted.spec, self.study)

    def given(self, wanted: BackboneRef) -> BackboneFile | None:
        """The file that brings a backbone; None where it is trained."""
        found = self.study.backbone
        return found if wanted.spec is None and isinstance(found, BackboneFile) else None

    def backbone_key(self, wanted: BackboneRef) -> str:
        """The content address of a backbone; needs no training."""
        if wanted not in self._keys:
            self._keys[wanted] = self._backbone_key(wanted)
        return self._keys[wanted]

    def _backbone_key(self, wanted: BackboneRef) -> str:
        given, spec = self.given(wanted), self.spec_of(wanted)
        if given is not None:
            return spec.file_key(checksum=given.checksum, threads=self.threads, device=self.device)
        return spec.key(
            fingerprint=self.data.fingerprint(),
            seed=self._seed(wanted.replicate),
            threads=self.threads,
            device=self.device,
            protocol=self.study.protocol,
        )

    def files(self, wanted: BackboneRef) -> SharedFiles:
        """Where a backbone and its encodings lie once built."""
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
        """Whether a backbone and its encodings are there already."""
        return self.files(wanted).encodings.exists()

    def task(self, wanted: BackboneRef, progress_file: Path = Path()) -> BuildTask:
        """A backbone as a worker builds it, which tells of its epochs in that file."""
        return BuildTask(
            shared=self.files(wanted),
            seed=self._seed(wanted.replicate),
            threads=self.threads,
            given=self.given(wanted),
            progress_file=progress_file,
        )

    def build(self, wanted: BackboneRef, progress: Progress, tell: Callable[[str], None]) -> SharedFiles:
        """Train a backbone in this process and encode every prefix, unless both are there.

        Args:
            wanted: the backbone.
            progress: told of every epoch.
            tell: told which other process is building a part.

        Raises:
            InputError: the backbone cannot be trained on these data.
            harness.errors.EnvironmentProblem: the folder cannot be written.
        """
        task = self.task(wanted)
        build(task, self.data, self.prefixes, progress, tell)
        return task.shared

    def _seed(self, replicate: int) -> int:
        return Streams(study_seed=self.study.seed, replicate=replicate).integer("backbone")

    def items(self) -> StudyItems:
        """What the report needs of the items."""
        popularity = events_of(self.data, self.prefixes.held_out).popularity
        return StudyItems(label=self.data.item_labels, popularity=np.append(0, popularity).astype(np.int64))

    def users(self, popularity: NDArray[np.int64]) -> StudyUsers:
        """What the report needs of the users.

        Args:
            popularity: training events of each item, ``(n_items + 1,)``; item 0 is none.
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
    """The backbone as the study trains it."""
    return spec.with_sampled(study.n_sampled) if study.n_sampled else spec


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
