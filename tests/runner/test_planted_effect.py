"""Through the whole harness: an effect that is planted is found, and what is none is not called one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backbones.duorec.backbone import DuoRec
from harness.data.formats.sequences import write_sequences
from harness.data.interactions import Interactions
from harness.data.planted import PlantedWorld, plant
from harness.runner.coordinator import RunOptions, run_study
from harness.runner.executors.base import Where
from harness.runner.progress import Display
from harness.study.study import load_study
from reports.output.files import write_report

STUDY = """\
name: planted
question: Does what similar users took next help?
data: {path: world.txt, format: sequences, min_interactions: 1}
arms:
  interpolate: wiring.interpolate
  cosine: [wiring.cosine, wiring.retriever_attention]
replicates: 3
budget: {epochs: 1, patience: 1}
"""
BRIEF = DuoRec(batch_tokens=512, warmup_epochs=30, decay_visits=400, visits=300)
WORLD = PlantedWorld(n_users=400, n_items=150, mean_length=20.0, retrieval_share=0.75)


def judged(data: Interactions, folder: Path) -> dict[str, dict[str, Any]]:
    """Run the study on a world and give the report's rows by name."""
    write_sequences(data, folder / "world.txt")
    (folder / "planted.yaml").write_text(STUDY, encoding="utf-8")
    options = RunOptions(out=folder / "runs", where=Where(workers=2), data_dir=folder / "data")
    outcome = run_study(load_study(folder / "planted.yaml"), options, Display(), spec=BRIEF)
    report = json.loads(write_report(outcome.folder).with_name("report.json").read_text(encoding="utf-8"))
    return {row["name"]: row for row in report["rows"]}


@pytest.fixture
def planted() -> Interactions:
    return plant(WORLD).interactions


def shuffled(data: Interactions) -> Interactions:
    """The same items and lengths in random places, so that no history tells anything of what comes next."""
    return replace(data, items=np.random.default_rng(0).permutation(data.items))


@pytest.mark.slow
def test_a_planted_effect_is_found_and_a_a_is_none(planted: Interactions, tmp_path: Path) -> None:
    rows = judged(planted, tmp_path)
    assert rows["interpolate"]["verdict"] == "better"
    assert rows["interpolate"]["adjusted"][0] > 0.1
    # At 1%, not 5%: the backbones' last bits, and so the draw, differ from one kind of processor to the next.
    assert rows["a/a"]["p"] > 0.01


@pytest.mark.slow
def test_retrieval_is_not_called_a_help_where_histories_tell_nothing(planted: Interactions, tmp_path: Path) -> None:
    rows = judged(shuffled(planted), tmp_path)
    assert rows["interpolate"]["verdict"] != "better"
    assert rows["interpolate"]["adjusted"][0] < 0
