"""The machine's peak speed of matrix products, and the share of it that the two phases of pretraining reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import numpy as np
import torch

from benchmarks.child import Measure, Reading
from benchmarks.sides.world import Pretraining, world
from harness.backbones.dropout import MaskPool
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.packed.windows import Packed, pack
from harness.backbones.registry import DEFAULT
from harness.backbones.softmax import CHUNK_ROWS, softmax_cross_entropy
from harness.backbones.values import Precision

SIZES = (512, 1024, 2048)
REPEATS = 5
N_STEPS = 20


def gemm_peak(dtype: torch.dtype) -> float:
    """The speed of the fastest of some square matrix products, GFLOP/s."""
    best = 0.0
    for size in SIZES:
        one, other = (torch.randn(size, size).to(dtype) for _ in range(2))
        out = torch.empty(size, size, dtype=dtype)
        for _ in range(REPEATS):
            best = max(best, 2 * size**3 / 1e9 / seconds_of(lambda a=one, b=other, c=out: torch.mm(a, b, out=c)))
    return best


def peaks(dtype: str) -> Measure:
    """The peak for one data type."""
    chosen = {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]

    def measure() -> Reading:
        began = time.perf_counter()
        peak = gemm_peak(chosen)
        return Reading(seconds=time.perf_counter() - began, figures={"gflop_s": peak})

    return measure


def softmax_phase(data: str, data_dir: str | None, precision: str) -> Measure:
    """Loss and both gradients for a training step's targets over the catalogue: three matrix products."""
    pretraining = Pretraining.of(world(data, data_dir).data)
    packed = steps_of(pretraining)
    items = pretraining.model.item_matrix
    d, n_items = items.shape[1], items.shape[0] - 1
    hidden = [torch.randn(len(each.targets), d, requires_grad=True) for each in packed]
    gflop = sum(3 * 2 * len(each.targets) * d * n_items for each in packed) / 1e9
    chosen = cast("Precision", precision)

    def phase() -> None:
        for each, states in zip(packed, hidden, strict=True):
            softmax_cross_entropy(states, items, each.targets, precision=chosen).backward()
            states.grad = items.grad = None

    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    catalogue = items[1:].detach().to(dtype)
    rows = [states.detach().to(dtype) for states in hidden]

    def bare() -> None:
        buffer = torch.empty(CHUNK_ROWS, len(catalogue), dtype=dtype)
        for each in rows:
            for chunk in each.split(CHUNK_ROWS):
                share = torch.mm(chunk, catalogue.t(), out=buffer[: len(chunk)])
                torch.mm(share, catalogue)
                torch.mm(share.t(), chunk)

    return _of_peak(phase, gflop, dtype, bare)


def encoder_phase(data: str, data_dir: str | None) -> Measure:
    """Forward and backward pass of the encoder over training steps, with dropout."""
    pretraining = Pretraining.of(world(data, data_dir).data)
    packed, model = steps_of(pretraining), pretraining.model
    masks = MaskPool(DEFAULT.dropout, torch.Generator().manual_seed(0))
    gflop = sum(encoder_flop(model.spec, each) for each in packed) / 1e9

    def phase() -> None:
        for each in packed:
            masks.begin_pass()
            model(each, masks).sum().backward()
            model.zero_grad(set_to_none=True)

    return _of_peak(phase, gflop, torch.float32)


def encoder_flop(spec: DuoRec, packed: Packed) -> float:
    """Operations in the matrix products of a training step: the forward pass, and twice as many in the backward pass.

    Attention counts the whole square, as computed; padding does not count.
    """
    d, inner = spec.hidden_size, spec.inner_size
    tokens, scored = int(packed.lengths.sum()), len(packed.rows)
    squares = int((packed.lengths**2).sum())
    attention = 2 * tokens * 3 * d * d + 4 * squares * d
    after = 2 * (d * d + 2 * d * inner)
    forward = spec.n_layers * attention + ((spec.n_layers - 1) * tokens + scored) * after
    return 3.0 * forward


def steps_of(pretraining: Pretraining) -> list[Packed]:
    """The inputs of some training steps with the recipe's batch size."""
    windows, items = pretraining.windows, pretraining.data.items
    order = np.random.default_rng(0).permutation(len(windows))
    reached = np.cumsum(windows.length[order])
    cuts = np.searchsorted(reached, DEFAULT.batch_tokens * np.arange(1, N_STEPS + 1))
    return [pack(windows.take(each), items) for each in np.split(order, cuts)[:-1] if len(each)]


def seconds_of(work: Callable[[], object]) -> float:
    """The wall seconds of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _of_peak(
    phase: Callable[[], None], gflop: float, dtype: torch.dtype, bare: Callable[[], None] | None = None
) -> Measure:
    """Return a function that measures a phase of ``gflop`` operations, and its matrix products alone if given."""

    def measure() -> Reading:
        peak = gemm_peak(dtype)
        seconds = seconds_of(phase)
        reached = gflop / seconds
        figures = {"gflop_s": reached, "peak_gflop_s": peak, "share_of_peak": reached / peak}
        if bare is not None:
            figures["bare_products_s"] = seconds_of(bare)
        return Reading(seconds=seconds, figures=figures)

    return measure
