"""Trained backbones: trained once per set of inputs, kept in files that are checked when read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from harness.backbones.base import Backbone, TrainedBackbone
from harness.backbones.encoder import Encoder
from harness.backbones.tensor_file import DamagedCheckpointError, read_tensors, set_aside, write_tensors
from harness.backbones.values import EpochFigures, Progress
from harness.data.interactions import Interactions
from harness.data.protocol import AS_PUBLISHED, Protocol
from harness.data.split import split_prefixes
from harness.device import Device, computing_on, computing_threads
from harness.errors import InputError

BACKBONE_FORMAT = "ftr-study backbone 1"


def train_backbone(
    spec: Backbone,
    data: Interactions,
    *,
    seed: int,
    threads: int,
    checkpoint_dir: Path,
    progress: Progress | None = None,
    device: Device = "cpu",
    protocol: Protocol = AS_PUBLISHED,
) -> TrainedBackbone:
    """Return the backbone for these inputs: read from ``checkpoint_dir`` if it is there, else trained.

    An interrupted training resumes after its last whole epoch and ends with the same bits as an uninterrupted one. A
    damaged file is named in the log, set aside as ``*.damaged`` and replaced by a new training.

    Args:
        spec: model and recipe.
        data: the sequences.
        seed: seed of initialisation, order, dropout and views.
        threads: threads to compute with; the previous number is restored at the end.
        checkpoint_dir: folder of finished and unfinished backbones, named by key.
        progress: called after every epoch.
        device: device to compute on; the returned backbone is on the CPU.
        protocol: splits the data into training targets and the validation targets that choose the epoch.

    Raises:
        InputError: the specification cannot be used, or the loss is no longer finite.
        EnvironmentProblem: a file cannot be written.
    """
    precision = spec.precision_on(device)
    fingerprint = data.fingerprint()
    key = spec.key(fingerprint=fingerprint, seed=seed, threads=threads, device=device, protocol=protocol)
    finished = checkpoint_dir / f"{key}.safetensors"
    if finished.is_file():
        try:
            return load_backbone(type(spec), finished)
        except DamagedCheckpointError as problem:
            set_aside(finished, problem)
    unfinished = checkpoint_dir / f"{key}.training.safetensors"
    with computing_threads(threads), computing_on(device):
        prefixes = split_prefixes(data, protocol)
        state = spec.fit(data, prefixes, seed=seed, precision=precision, unfinished=unfinished, progress=progress)
        state.model.load_state_dict(state.chosen)
    assert isinstance(state.model, Encoder)
    backbone = TrainedBackbone(
        model=state.model.cpu(),
        spec=spec,
        key=key,
        chosen_epoch=state.chosen_epoch,
        history=tuple(state.history),
        seconds=sum(figures.seconds for figures in state.history),
        provenance={
            "data": data.name,
            "fingerprint": fingerprint,
            "seed": str(seed),
            "threads": str(threads),
            "precision": precision,
            "torch": torch.__version__,
            **({} if device == "cpu" else {"device": device}),
            **({} if protocol.of_backbone() == AS_PUBLISHED.of_backbone() else {"protocol": protocol.of_backbone()}),
        },
    )
    save_backbone(backbone, finished)
    unfinished.unlink(missing_ok=True)
    return backbone


def save_backbone(backbone: TrainedBackbone, path: Path) -> None:
    """Write a backbone, whole or not at all.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    described = {
        "backbone": backbone.spec.name,
        "spec": backbone.spec.described(),
        "key": backbone.key,
        "n_items": backbone.model.n_items,
        "chosen_epoch": backbone.chosen_epoch,
        "history": [asdict(figures) for figures in backbone.history],
        "seconds": backbone.seconds,
        "provenance": dict(backbone.provenance),
    }
    write_tensors(path, backbone.model.state_dict(), described, kind=BACKBONE_FORMAT)


def load_backbone(kind: type[Backbone], path: Path) -> TrainedBackbone:
    """Read a backbone of class ``kind`` that :func:`save_backbone` wrote.

    Raises:
        DamagedCheckpointError: the file is damaged, or written by another version.
        InputError: there is no such file.
    """
    tensors, described = read_tensors(path, kind=BACKBONE_FORMAT)
    try:
        spec = kind.from_described(described["spec"])
    except InputError as problem:
        raise DamagedCheckpointError(f"{path}: {problem}; delete it to train anew") from problem
    model = spec.build(described["n_items"])
    try:
        model.load_state_dict(tensors)
    except RuntimeError as problem:
        raise DamagedCheckpointError(
            f"{path}: its tensors do not fit ({problem}); delete it to train anew"
        ) from problem
    return TrainedBackbone(
        model=model,
        spec=spec,
        key=described["key"],
        chosen_epoch=described["chosen_epoch"],
        history=tuple(EpochFigures(**figures) for figures in described["history"]),
        seconds=described["seconds"],
        provenance=described["provenance"],
    )
