"""Sides that encode every prefix and build the index, and sides that encode long histories exactly."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from benchmarks.child import Measure, Reading, scaled
from benchmarks.peers.padded import PaddedEncoder, padded_histories
from benchmarks.sides.roofline import gemm_peak
from benchmarks.sides.world import World, batches, steps_of, timed, world
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.packed.encoder import CHUNK_TOKENS
from harness.backbones.packed.windows import closing_windows, pack
from harness.backbones.training import load_backbone
from harness.backbones.transformer.model import TransformerEncoder
from harness.recipe.seams.retrieval.index import IVFFlat

BATCH_SIZE = 1024
N_LISTS = 128


def product_encode_and_index(data: str, data_dir: str | None, backbone: str) -> Measure:
    """The product: encode every prefix, and build the index over the training prefixes."""
    here, model = prepared(data, data_dir, backbone)

    def measure() -> Reading:
        began = time.perf_counter()
        encodings = model.encode(here.data, here.prefixes)
        encoded = time.perf_counter()
        keys = torch.nn.functional.normalize(encodings[torch.from_numpy(here.prefixes.train)], dim=1)
        IVFFlat().over(keys.numpy(), seed=0)
        ended = time.perf_counter()
        return Reading(seconds=ended - began, figures={"encode_s": encoded - began, "index_s": ended - encoded})

    return measure


def plain_encode_and_index(data: str, data_dir: str | None, backbone: str, steps: int) -> Measure:
    """The plain implementation: some batches of padded prefixes, scaled up; the full index, over random keys."""
    here, model = prepared(data, data_dir, backbone)
    encoder = PaddedEncoder(here.data.n_items, model.spec).like(model).eval()
    numbers = here.prefixes.n_prefixes
    take, of_all = batches(numbers, BATCH_SIZE), steps_of(numbers, BATCH_SIZE)
    drawn = np.random.default_rng(0).standard_normal((len(here.prefixes.train), model.spec.hidden_size))
    keys = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)

    @torch.no_grad()
    def encode(some: np.ndarray) -> None:
        encoder(*padded_histories(here.data, here.prefixes, some, model.spec.max_length))

    encode(take(1)[0])

    def measure() -> Reading:
        done = min(steps, of_all)
        encoding = scaled(
            timed([lambda each=each: encode(each) for each in take(done)]), done=done, of=of_all, unit="batches"
        )
        began = time.perf_counter()
        index: Any = faiss.IndexIVFFlat(faiss.IndexFlatIP(keys.shape[1]), keys.shape[1], N_LISTS)
        index.train(keys)
        index.add(keys)
        index_s = time.perf_counter() - began
        return Reading(
            seconds=encoding.seconds + index_s,
            sample=encoding.sample,
            figures={"encode_s": encoding.seconds, "index_s": index_s},
        )

    return measure


def long_histories(data: str, data_dir: str | None, backbone: str) -> Measure:
    """The product's exact encoding of prefixes over ``max_length``, with the time of its matrix products alone."""
    here, model = prepared(data, data_dir, backbone)
    beyond = np.flatnonzero(here.prefixes.position > model.spec.max_length)
    gflop = len(beyond) * last_place_flop(model.spec) / 1e9

    def measure() -> Reading:
        began = time.perf_counter()
        model.encode_some(here.data, here.prefixes, beyond)
        seconds = time.perf_counter() - began
        peak = gemm_peak(torch.float32)
        return Reading(
            seconds=seconds,
            figures={
                "prefixes": len(beyond),
                "gflop": gflop,
                "gflop_s": gflop / seconds,
                "peak_gflop_s": peak,
                "bare_products_s": gflop / peak,
            },
        )

    return measure


def long_histories_in_full(data: str, data_dir: str | None, backbone: str) -> Measure:
    """The same windows through every block at every position; all states but the last are discarded."""
    here, model = prepared(data, data_dir, backbone)
    beyond = np.flatnonzero(here.prefixes.position > model.spec.max_length)

    @torch.no_grad()
    def measure() -> Reading:
        began = time.perf_counter()
        windows = closing_windows(here.data, here.prefixes, beyond, max_length=model.spec.max_length)
        every = windows.take(np.arange(len(windows)))
        for part in every.by_length(CHUNK_TOKENS):
            packed = pack(part, here.data.items)
            model(packed, None)
        return Reading(seconds=time.perf_counter() - began)

    return measure


def last_place_flop(spec: DuoRec) -> float:
    """Floating-point operations in the matrix products that encode the last position of one full history.

    All blocks but the last run at every position: projection, attention both ways, output and feed-forward part. The
    last block runs at one position, with the query carried back and the mean forward through the projections.

    >>> round(last_place_flop(DuoRec()) / 1e6, 1)
    5.7
    """
    length, d, inner = spec.max_length, spec.hidden_size, spec.inner_size
    whole = 2 * length * (4 * d * d + 2 * d * inner) + 4 * length * length * d
    last = 2 * (4 * d * d + 2 * d * inner) + 4 * spec.n_heads * length * d
    return (spec.n_layers - 1) * whole + last


def prepared(data: str, data_dir: str | None, backbone: str) -> tuple[World, TransformerEncoder]:
    """The data and a frozen backbone."""
    model = load_backbone(DuoRec, Path(backbone)).model
    model.requires_grad_(False)
    return world(data, data_dir), model
