"""The contract of every backbone, built-in or from a plug-in.

To test a plug-in, add three lines to one of its test files::

    from harness.contracts.backbone import check_backbone

    def test_mine_keeps_the_contract(tmp_path):
        check_backbone(Mine(), tmp_path)
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harness.backbones.base import Backbone, TrainedBackbone, flaw_in
from harness.backbones.encoder import Encoder
from harness.backbones.training import load_backbone, save_backbone, train_backbone
from harness.backbones.values import EpochFigures
from harness.data.interactions import Interactions
from harness.data.planted import PlantedWorld, plant
from harness.data.split import Prefixes, split_prefixes
from harness.device import computing_threads
from harness.errors import FtrError, InputError

TOLERANCE = 1e-5
"""Tolerance for vectors computed in batches of different shapes, as a share of their largest absolute value."""


class BackboneContractError(FtrError):
    """The backbone violates its contract."""


class _Interrupted(Exception):
    """Raised to stop a training after its first epoch."""


def check_backbone(spec: Backbone, folder: Path) -> None:
    """Check a backbone against every point of the contract, on a planted world of 60 users.

    Args:
        spec: the backbone, with settings that train in seconds.
        folder: empty folder for checkpoints and saved weights.

    Raises:
        BackboneContractError: names the first point that the backbone violates.
    """
    data = plant(PlantedWorld(n_users=60, n_items=60, mean_length=14.0, group_size=6)).interactions
    prefixes = split_prefixes(data)
    with computing_threads(1):
        check_description(spec)
        encoder = _untrained(spec, data)
        check_items(spec, encoder, data)
        check_groups(spec, encoder)
        check_encodings(spec, encoder, data, prefixes)
        check_causality(spec, encoder, data, prefixes)
        check_noise(spec, encoder, data, prefixes)
        check_batches(spec, encoder, data, prefixes)
        check_training(spec, data, folder)


def check_description(spec: Backbone) -> None:
    """Check fields (defaults, ``tunable``), that ``described()`` restores the spec, and that the key uses the seed."""
    if flaw := flaw_in(type(spec)):
        raise _broken(spec, flaw)
    if type(spec).from_described(spec.described()) != spec:
        raise _broken(spec, "from_described() of its described() gives another backbone; make it a frozen dataclass")
    one, other = (spec.key(fingerprint="f", seed=seed, threads=1) for seed in (0, 1))
    if one == other:
        raise _broken(spec, "its key does not depend on the seed; leave key() as the base class has it")


def check_items(spec: Backbone, encoder: Encoder, data: Interactions) -> None:
    """Check that row 0 of the item matrix (padding) is zero, and that one row per item follows."""
    items = encoder.item_matrix
    if encoder.n_items != data.n_items or items.dim() != 2 or len(items) != data.n_items + 1:
        raise _broken(spec, f"item_matrix is {tuple(items.shape)}; give n_items + 1 = {data.n_items + 1} rows")
    if items[0].any():
        raise _broken(spec, "row 0 of item_matrix, the padding, is not zero; let initialise() set it to zero")
    tensors = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    if spec.shapes(data.n_items) not in (None, tensors):
        raise _broken(spec, "shapes() names other tensors than build() makes; fix it or remove it")


def check_groups(spec: Backbone, encoder: Encoder) -> None:
    """Check that each parameter is in exactly one group, ``has_blocks`` is correct, and deep copies share nothing."""
    grouped = [id(each) for name in encoder.parameter_groups.names for each in encoder.parameters_of(name)]
    if sorted(grouped) != sorted(id(each) for each in encoder.parameters()):
        raise _broken(spec, "its parameter_groups do not hold every parameter once; name sub-modules that do")
    if bool(encoder.parameter_groups.blocks) is not spec.has_blocks:
        raise _broken(spec, f"has_blocks is {spec.has_blocks}, and its parameter_groups say otherwise; change one")
    twin = copy.deepcopy(encoder)
    if {each.data_ptr() for each in twin.parameters()} & {each.data_ptr() for each in encoder.parameters()}:
        raise _broken(spec, "a deep copy shares parameters with it; a run that moves the backbone would move all")


def check_encodings(spec: Backbone, encoder: Encoder, data: Interactions, prefixes: Prefixes) -> None:
    """Check that ``encode`` gives one vector per prefix, as wide as an item vector, and is deterministic."""
    once, again = (encoder.encode(data, prefixes) for _ in range(2))
    expected = (prefixes.n_prefixes, encoder.item_matrix.shape[1])
    if once.shape != expected or once.dtype is not torch.float32 or once.requires_grad:
        raise _broken(spec, f"encode gives {tuple(once.shape)} {once.dtype}; give {expected} float32 without gradient")
    if not torch.equal(once, again) or not torch.equal(once, _untrained(spec, data).encode(data, prefixes)):
        raise _broken(spec, "encode differs from call to call; leave dropout out, and draw weights from the generator")


def check_causality(spec: Backbone, encoder: Encoder, data: Interactions, prefixes: Prefixes) -> None:
    """Check that replacing an item changes the vectors of some later prefixes and of no earlier one."""
    middle = data.lengths // 2
    items = data.items.copy()
    at = data.offsets[:-1] + middle
    items[at] = items[at] % data.n_items + 1
    before, after = encoder.encode(data, prefixes), encoder.encode(replace(data, items=items), prefixes)
    moved = ((before - after).abs() > TOLERANCE * before.abs().max()).any(dim=1).numpy()
    later = prefixes.position > middle[prefixes.user]
    if moved[~later].any():
        raise _broken(spec, "an item changes the vector of a prefix that ends before it; mask the future")
    if not moved[later].any():
        raise _broken(spec, "no vector depends on the items of its prefix; read the history")


def check_noise(spec: Backbone, encoder: Encoder, data: Interactions, prefixes: Prefixes) -> None:
    """Check that noisy vectors of training prefixes depend on the generator only and differ from clean vectors."""
    one, same, other = (encoder.encode_noisy(data, prefixes, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    if one.shape != (len(prefixes.train), encoder.item_matrix.shape[1]) or one.requires_grad:
        raise _broken(spec, f"encode_noisy gives {tuple(one.shape)}; give one row a training prefix, without gradient")
    if not torch.equal(one, same):
        raise _broken(spec, "encode_noisy differs with the same generator; draw from that generator alone")
    clean = encoder.encode(data, prefixes)[torch.as_tensor(prefixes.train)]
    if torch.equal(one, other) or torch.equal(one, clean):
        raise _broken(spec, "encode_noisy has no dropout; apply it from the generator")


def check_batches(spec: Backbone, encoder: Encoder, data: Interactions, prefixes: Prefixes) -> None:
    """Check that batches hold each training prefix once, are deterministic, and reach every group, frozen ones not."""
    encoder.requires_grad_(True)
    first = _batches(encoder, data, order=0, noise=None)
    if sorted(number for _, prefix in first for number in prefix.tolist()) != prefixes.train.tolist():
        raise _broken(spec, "batches do not give every training prefix exactly once; go through all of them")
    if any(len(vectors) != len(prefix) for vectors, prefix in first):
        raise _broken(spec, "batches give other numbers of vectors than of prefixes; number each vector")
    encoder.zero_grad()
    torch.cat([vectors for vectors, _ in first]).square().sum().backward()
    for name in encoder.parameter_groups.names:
        if all(each.grad is None for each in encoder.parameters_of(name)):
            raise _broken(spec, f"batches have no gradient to group {name}; keep the graph, and name no idle group")
    encoder.requires_grad_(False)
    encoder.zero_grad()
    for noise in (None, 3):
        once, again = (_batches(encoder, data, order=1, noise=noise) for _ in range(2))
        if not all(torch.equal(one, other) for (one, _), (other, _) in zip(once, again, strict=True)):
            raise _broken(spec, "batches differ with the same generators; draw from those alone")
    if any(vectors.requires_grad for vectors, _ in _batches(encoder, data, order=0, noise=None)):
        raise _broken(spec, "batches have a gradient where every parameter is frozen; detach what is not a parameter")


def check_training(spec: Backbone, data: Interactions, folder: Path) -> None:
    """Check that an interrupted training ends bit-identical to an uninterrupted one, and that saved weights load."""

    def stop(epoch: int, epochs: int, figures: EpochFigures) -> None:
        raise _Interrupted

    whole = train_backbone(spec, data, seed=0, threads=1, checkpoint_dir=folder / "whole")
    interrupted = {"seed": 0, "threads": 1, "checkpoint_dir": folder / "interrupted"}
    try:
        train_backbone(spec, data, **interrupted, progress=stop)
    except _Interrupted:
        pass
    else:
        raise _broken(spec, "training reports no epoch; call progress after each")
    check_causality(spec, whole.model.requires_grad_(False), data, split_prefixes(data))
    told: list[int] = []
    resumed = train_backbone(spec, data, **interrupted, progress=lambda epoch, *_: told.append(epoch))
    if 1 in told or not _same(whole, resumed):
        raise _broken(
            spec, "an interrupted training does not continue to the same bits; save the state after each epoch"
        )
    if torch.equal(whole.model.item_matrix, _untrained(spec, data).item_matrix):
        raise _broken(spec, "training does not change the items; train them")
    if whole.model.item_matrix[0].any():
        raise _broken(spec, "training moves row 0 of item_matrix, the padding; give it no gradient (padding_idx=0)")
    path = folder / "saved.safetensors"
    save_backbone(whole, path)
    read = load_backbone(type(spec), path)
    if read.spec != spec or read.history != whole.history or not _same(read, whole):
        raise _broken(spec, "a saved backbone does not load with the same weights; keep all weights in the state_dict")


def _untrained(spec: Backbone, data: Interactions) -> Encoder:
    try:
        encoder = spec.build(data.n_items)
        encoder.initialise(torch.Generator().manual_seed(0))
    except InputError as problem:
        raise _broken(spec, str(problem)) from problem
    return encoder.requires_grad_(False)


def _batches(encoder: Encoder, data: Interactions, *, order: int, noise: int | None) -> list[tuple[Tensor, np.ndarray]]:
    return list(
        encoder.batches(
            data,
            split_prefixes(data),
            batch_size=64,
            order=torch.Generator().manual_seed(order),
            noise=None if noise is None else torch.Generator().manual_seed(noise),
        )
    )


def _same(one: TrainedBackbone, other: TrainedBackbone) -> bool:
    """Whether two trained backbones have equal weights and the same chosen epoch."""
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    return one.chosen_epoch == other.chosen_epoch and all(torch.equal(ours[name], theirs[name]) for name in ours)


def _broken(spec: Backbone, what: str) -> BackboneContractError:
    return BackboneContractError(f"backbone {spec.name}: {what}")
