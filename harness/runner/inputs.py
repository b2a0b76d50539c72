"""Reads what the cells of a replicate share from the files that the coordinator wrote."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.data.interactions import Interactions
from harness.data.sources import load
from harness.data.split import split_prefixes
from harness.errors import EnvironmentProblem
from harness.runner.cache import read_array
from harness.runner.tasks import SharedFiles, assembled

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs


@lru_cache(maxsize=1)
def read_inputs(shared: SharedFiles) -> Inputs:
    """Return the shared stages, cached for the next cell on the same backbone.

    Raises:
        EnvironmentProblem: a part is missing or has changed since the coordinator built it.
    """
    from harness.backbones.training import load_backbone

    data = read_data(shared)
    model = load_backbone(type(shared.spec), shared.backbone).model
    return assembled(data, split_prefixes(data, shared.protocol), model, read_encodings(shared))


def read_data(shared: SharedFiles) -> Interactions:
    """The interactions that the study was planned on.

    Raises:
        EnvironmentProblem: their file has changed since.
    """
    data = load(shared.data, shared.data_dir)
    if data.fingerprint() != shared.fingerprint:
        raise EnvironmentProblem(
            f"{data.load_report.source} changed while the study ran (fingerprint {data.fingerprint()}, planned "
            f"{shared.fingerprint}); run the study again"
        )
    return data


def read_encodings(shared: SharedFiles) -> NDArray[np.float32]:
    """Clean ``s`` of every prefix, ``(n_prefixes, d)``.

    Raises:
        EnvironmentProblem: they are missing or damaged.
    """
    encodings = read_array(shared.encodings)
    if encodings is None:
        raise EnvironmentProblem(f"{shared.encodings} is missing; run the study again to build it")
    return encodings
