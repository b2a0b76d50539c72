"""A backbone of this repository, trained with its recipe under both protocols of history."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.child import Measure, Reading
from benchmarks.peers.bridge import Ranks, write_ranks, write_sequences
from benchmarks.sides.world import world
from harness.backbones.base import Backbone
from harness.backbones.ranking import ranks_of_queries
from harness.backbones.registry import BACKBONES
from harness.backbones.training import train_backbone
from harness.data.interactions import Interactions
from harness.data.protocol import History, Protocol
from harness.data.split import split_prefixes
from harness.engine.types.streams import Streams

THREADS = 1


def trained(data: str, data_dir: str | None, model: str, folder: str, replicate: int) -> Measure:
    """Measure a whole training for each protocol, and the ranks of the test targets.

    Writes the sequences for the other side and ``ours.npz`` to the folder.
    """
    found, spec, here = world(data, data_dir).data, BACKBONES.find(model)(), Path(folder)
    write_sequences(found, here)

    def measure() -> Reading:
        seed = Streams(study_seed=0, replicate=replicate).integer("backbone")
        reading, ranks = trained_under_both(spec, found, seed=seed, folder=here / "backbones")
        write_ranks(here / "ours.npz", ranks)
        return reading

    return measure


def trained_under_both(
    spec: Backbone, data: Interactions, *, seed: int, folder: Path
) -> tuple[Reading, dict[str, Ranks]]:
    """The figures of a training for each protocol of history, and the ranks of the test targets by protocol."""
    figures: dict[str, float] = {}
    ranks: dict[str, Ranks] = {}
    for history in History:
        protocol, name = Protocol(history=history), history.value
        began, cpu = time.perf_counter(), time.process_time()
        backbone = train_backbone(spec, data, seed=seed, threads=THREADS, checkpoint_dir=folder, protocol=protocol)
        figures[f"cpu_s {name}"] = time.process_time() - cpu
        figures[f"wall_s {name}"] = time.perf_counter() - began
        figures[f"epochs {name}"] = len(backbone.history)
        figures[f"chosen {name}"] = backbone.chosen_epoch
        prefixes = split_prefixes(data, protocol)
        states = backbone.model.encode(data, prefixes)[prefixes.test]
        ranks[name] = ranks_of_queries(states, backbone.model.item_matrix, data, prefixes, prefixes.test)
    return Reading(seconds=sum(figures[f"wall_s {each.value}"] for each in History), figures=figures), ranks
