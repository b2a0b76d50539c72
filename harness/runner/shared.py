"""The stages that cells share: parsed data, trained backbones, encoded prefixes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.backbone.spec import DEFAULT, BackboneSpec, backbone_key, resolve_precision
from harness.data.fetch import locked
from harness.data.interactions import Interactions
from harness.data.split import Prefixes, split_prefixes
from harness.ftragrec.streams import Streams
from harness.manifest import StudyUsers
from harness.runner.tasks import SharedFiles
from harness.study import Study

if TYPE_CHECKING:
    from harness.backbone.checkpoint import Backbone
    from harness.backbone.pretrain import Progress

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
        """The shared stages of a study on its data."""
        return cls(study=study, data=data, prefixes=split_prefixes(data), data_dir=data_dir, folder=folder, spec=spec)

    def backbone_key(self, replicate: int) -> str:
        """The content address of a replicate's backbone; needs no training."""
        return backbone_key(
            self.spec,
            fingerprint=self.data.fingerprint(),
            seed=self._seed(replicate),
            threads=SHARED_THREADS,
            precision=resolve_precision(self.spec.precision),
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
        )

    def build(self, replicate: int, progress: Progress, tell: Callable[[str], None]) -> SharedFiles:
        """Train the replicate's backbone and encode every prefix, unless both are there.

        Raises:
            harness.errors.InputError: the backbone cannot be trained on these data.
            harness.errors.EnvironmentProblem: the folder cannot be written.
        """
        from harness.backbone.encode import encode_prefixes
        from harness.backbone.pretrain import computing_threads
        from harness.runner.cache import cached_array

        files = self.files(replicate)
        with locked(files.backbone, tell, option="--out"):
            backbone = self._backbone(replicate, files.backbone.parent, progress)
        with computing_threads(SHARED_THREADS):
            cached_array(
                files.encodings, lambda: encode_prefixes(backbone.model, self.data, self.prefixes).numpy(), tell
            )
        return files

    def _backbone(self, replicate: int, folder: Path, progress: Progress) -> Backbone:
        from harness.backbone.pretrain import pretrain

        return pretrain(
            self.data,
            self.spec,
            seed=self._seed(replicate),
            threads=SHARED_THREADS,
            checkpoint_dir=folder,
            progress=progress,
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
