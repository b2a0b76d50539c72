"""The work of a Ray worker: runs one cell on objects of the store and sends progress to the coordinator's machine."""

from __future__ import annotations

import contextlib
import platform
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray import ObjectRef
from ray.exceptions import RayActorError

from harness.backbones.base import Backbone
from harness.data.interactions import Interactions
from harness.data.protocol import Protocol
from harness.data.split import split_prefixes
from harness.provenance import key_versions, machine
from harness.results.record import EpochPoint
from harness.runner.executors.base import Outcome, progress_line
from harness.runner.inputs import read_encodings
from harness.runner.tasks import CellFailure, CellTask, SharedFiles, assembled, attempt_cell
from harness.source_hash import run_hash

if TYPE_CHECKING:
    from harness.engine.types.inputs import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A backbone and its encodings as arrays, in the form in which they are sent.

    Attributes:
        spec: specification of the backbone.
        n_items: number of items in its catalogue.
        tensors: its state, name -> values.
        encodings: clean ``s`` of every prefix, ``(n_prefixes, d)``.
    """

    spec: Backbone
    n_items: int
    tensors: dict[str, NDArray[Any]]
    encodings: NDArray[np.float32]

    @classmethod
    def of(cls, shared: SharedFiles) -> Trained:
        """Read it from the coordinator's files.

        Raises:
            harness.errors.EnvironmentProblem: a file is missing or has changed.
        """
        from harness.backbones.training import load_backbone

        backbone = load_backbone(type(shared.spec), shared.backbone)
        tensors = {name: tensor.numpy() for name, tensor in backbone.model.state_dict().items()}
        n_items = backbone.model.n_items
        return cls(spec=backbone.spec, n_items=n_items, tensors=tensors, encodings=read_encodings(shared))


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedObjects:
    """What cells on one backbone share; ``data`` and ``trained`` refer to the object store."""

    data: ObjectRef
    trained: ObjectRef
    protocol: Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a machine must have in common with the coordinator's, because the record's key depends on it.

    Attributes:
        sources: hash of the files that decide this cell's ranks.
        versions: major.minor of torch and faiss.
        precision: of the products in a catalogue softmax, by the CPU's flags.
    """

    sources: str
    versions: tuple[tuple[str, str], ...]
    precision: str

    @classmethod
    def of(cls, task: CellTask) -> Code:
        """Return it for this machine."""
        spec = task.shared.spec
        return cls(
            sources=run_hash(task.cell.recipe, spec.package),
            versions=tuple(sorted(key_versions().items())),
            precision=spec.precision_on(task.shared.device),
        )


class Progress:
    """An actor on the coordinator's machine that keeps the progress lines of running cells until they are fetched."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []

    def tell(self, file: str, line: str) -> None:
        self._lines.append((file, line))

    def drain(self) -> list[tuple[str, str]]:
        lines, self._lines = self._lines, []
        return lines


def attempt_there(task: CellTask, shared: SharedObjects, code: Code, progress: Any) -> Outcome:
    """Run a cell in a worker of the cluster.

    Args:
        task: the cell.
        shared: what it shares with others.
        code: of the coordinator's machine.
        progress: the actor that receives every evaluation.
    """
    found = Code.of(task)
    if found != code:
        return CellFailure(reason=_other_code(code, found))
    file = str(task.progress_file)

    def tell(point: EpochPoint) -> None:
        progress.tell.remote(file, progress_line(point))

    here = {**task.provenance, "machine": machine(), "node": platform.node()}
    outcome = attempt_cell(replace(task, provenance=here), lambda: _inputs(shared), tell)
    with contextlib.suppress(RayActorError):  # the coordinator reports lost lines
        ray.get(progress.tell.remote(file, ""))  # calls keep their order, so all earlier lines have arrived
    return outcome


@lru_cache(maxsize=1)
def _inputs(shared: SharedObjects) -> Inputs:
    """Return the shared stages, cached for the next cell on this backbone; large arrays stay in the object store."""
    import torch

    # Arrays of the store are read-only, and torch warns that it cannot enforce that; nothing writes to shared inputs.
    warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
    trained: Trained = ray.get(shared.trained)
    model = trained.spec.build(trained.n_items)
    model.load_state_dict({name: torch.as_tensor(values) for name, values in trained.tensors.items()})
    data: Interactions = ray.get(shared.data)
    return assembled(data, split_prefixes(data, shared.protocol), model, trained.encodings)


def _other_code(wanted: Code, found: Code) -> str:
    name = platform.node()
    if found.sources != wanted.sources:
        return f"{name} has another version of ftr-study or of a plug-in than the coordinator; install the same on both"
    if found.versions != wanted.versions:
        has, needs = (", ".join(f"{package} {number}" for package, number in each.versions) for each in (found, wanted))
        return f"{name} has {has}, the coordinator {needs}; install the same on both"
    return (
        f"{name} computes in {found.precision}, the coordinator in {wanted.precision}, by the flags of their CPUs; "
        "give the cluster machines of one kind"
    )
