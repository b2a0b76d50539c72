from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import growth
from benchmarks.growth import FIGURES, PAGE, in_a_process
from benchmarks.growth_bias import GradientError, errors_of
from benchmarks.growth_stages import Size, Stage, made, reading, retrieving, training
from benchmarks.growth_tables import filled, growth_table, softmax_lines, stage_rows, tables
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.training import train_backbone
from harness.data.planted import PlantedWorld, plant

SMALL = Size(users=80, items=40, length=9)
NEGATIVES = (4, 16)


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, bool, str], GradientError]:
    """Of a backbone that has learnt its small world, in which some items are far more frequent than others."""
    data = plant(PlantedWorld(n_users=250, n_items=120, mean_length=12.0, retrieval_share=0.0)).interactions
    spec = DuoRec(hidden_size=16, inner_size=32, batch_tokens=256, visits=120, warmup_epochs=99, precision="float32")
    backbone = train_backbone(spec, data, seed=0, threads=1, checkpoint_dir=tmp_path_factory.mktemp("bias"))
    found = errors_of(backbone, data, sizes=NEGATIVES, n_rows=32, n_draws=1500)
    return {(each.n_sampled, each.log_q, each.side): each for each in found}


def test_the_bias_falls_with_the_number_of_negatives(errors: dict[tuple[int, bool, str], GradientError]) -> None:
    few, many = (errors[n, True, "states"] for n in NEGATIVES)
    assert few.bias > 2 * many.bias
    assert many.bias < 0.03
    assert few.noise > 1.5 * many.noise


@pytest.mark.parametrize("side", ["states", "items"])
def test_without_log_q_there_is_a_bias_that_no_number_of_negatives_takes_away(
    errors: dict[tuple[int, bool, str], GradientError], side: str
) -> None:
    assert all(errors[n, False, side].bias > 1.5 * errors[n, True, side].bias for n in NEGATIVES)
    assert errors[16, False, side].bias > 5 * errors[16, True, side].bias


def test_data_have_the_size_that_was_asked_for() -> None:
    data = made(Size(users=500, items=70, length=9))
    assert (data.n_users, data.n_items) == (500, 70)
    assert data.items.min() >= 1
    assert data.items.max() <= 70
    assert 8 < data.lengths.mean() < 10
    assert data.lengths.min() == 5
    assert set(made(Size(users=9, items=70, length=8, even=True)).lengths.tolist()) == {8}


def test_every_stage_is_measured() -> None:
    found: list[Stage] = [*reading(SMALL), *retrieving(SMALL), *training(SMALL, n_sampled=8)]
    assert [stage.name for stage in found] == [
        "read",
        "split",
        "encode",
        "index",
        "search",
        "evaluate, retrieval off",
        "evaluate, retrieval on",
        "step, softmax of 8 sampled",
    ]
    assert all(stage.seconds > 0 and stage.peak_mb > 50 for stage in found)


def test_a_point_that_fails_is_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no memory left' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    assert in_a_process("full", SMALL) == "ended with 3: no memory left"
    broken.write_text("#!/bin/sh\nexec sleep 5\n")
    monkeypatch.setattr(growth, "POINT_LIMIT_S", 0.2)
    assert in_a_process("full", SMALL) == "took more than 0.2 s"


def _points(*values: tuple[int, float, float]) -> list[dict[str, object]]:
    names = ("step, softmax of all items", "step, softmax of 1024 sampled")
    return [
        {
            "size": {"items": items},
            "failed": {},
            "stages": [
                {"name": name, "per": "1000 targets", "seconds": each, "peak_mb": 100.0 + items}
                for name, each in zip(names, both, strict=True)
            ],
        }
        for items, *both in values
    ]


def test_exponents_and_crossings_are_those_of_the_points() -> None:
    points = _points((1000, 1.0, 1.0), (10_000, 10.0, 1.0), (100_000, 100.0, 1.0))
    assert "| 1 | 10 | 100 | 1.00 | 1.00 | 1 100 → 100 100 |" in growth_table(points, "items")[2]
    told = "\n".join(softmax_lines(points))
    assert "2 times as fast with 1024 sampled: from about 2 000 items" in told
    assert "10 times as fast with 1024 sampled: from about 10 000 items" in told
    assert np.isclose(stage_rows(points, "items")["step, softmax of all items"]["seconds"], [1, 10, 100]).all()


def test_a_point_that_is_missing_is_shown_as_failed() -> None:
    points = _points((1000, 1.0, 1.0), (10_000, 10.0, 1.0))
    points[1] |= {"stages": [], "failed": {"full": "ended with -9: killed"}}
    lines = growth_table(points, "items")
    assert "| 1 | failed | – | – |" in lines[2]
    assert lines[-1].endswith("10 000 items, full: ended with -9: killed.")
    assert filled("<!-- items -->\n<!-- /items -->", {"items": lines})


def test_the_page_has_the_figures_of_the_file() -> None:
    text = PAGE.read_text(encoding="utf-8")
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    assert set(kept) == {"users", "items", "length", "bias"}
    assert filled(text, tables(kept)) == text, "rewrite it with: python -m benchmarks.growth --tables"
