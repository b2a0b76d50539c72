"""The real RecBole 1.2.1, in an environment of its own: its checkpoint, imported, scores as RecBole itself does."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peers.environment import NoEnvironmentError, peers_folder, recbole_python
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.packed.backbone import PackedBackbone
from harness.backbones.packed.encoder import PackedEncoder
from harness.backbones.training import load_backbone
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.imports.importing import import_recbole
from tests.imports.fakes import read_inter, write_inter

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("recbole_reference.py")


@dataclass(frozen=True, slots=True)
class Trained:
    """What RecBole left behind.

    Attributes:
        kind: ours of the model.
        inter: the interactions.
        checkpoint: RecBole's file.
        scores: what RecBole said of every test history.
    """

    kind: type[PackedBackbone]
    inter: Path
    checkpoint: Path
    scores: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def python() -> str:
    try:
        return str(recbole_python(peers_folder()))
    except NoEnvironmentError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module", params=[("SASRec", DuoRec), ("GRU4Rec", GRU4Rec)], ids=lambda each: each[0])
def trained(request, python, tmp_path_factory) -> Trained:
    name, kind = request.param
    folder = tmp_path_factory.mktemp(name)
    (folder / "tiny").mkdir()
    inter = folder / "tiny" / "tiny.inter"
    write_inter(inter, rows())
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, str(SCRIPT), str(folder), name], capture_output=True, text=True, check=False, env=quiet, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    (checkpoint,) = (folder / "saved").glob("*.pth")
    with np.load(folder / "scores.npz") as scores:
        return Trained(kind, inter, checkpoint, dict(scores))


def rows() -> list[tuple[str, str, int]]:
    """60 users, some of them and some items too rare to be kept; histories beyond the 12 items that RecBole sees."""
    rng = np.random.default_rng(3)
    made = [
        (f"u{user}", f"item-{rng.zipf(1.3) % 45}", int(time))
        for user in range(60)
        for time in rng.permutation(1000)[: rng.integers(2, 30)]
    ]
    return [made[place] for place in rng.permutation(len(made))]


@pytest.mark.parametrize("turned", [False, True])
def test_every_score_is_recboles_own(trained, turned, tmp_path):
    path = trained.inter
    if turned:  # our numbering of items then differs from RecBole's
        path = tmp_path / "turned.inter"
        write_inter(path, read_inter(trained.inter)[::-1])
    spec = DataSpec(path=path)
    imported = import_recbole(
        trained.checkpoint, spec, tmp_path / "b.st", inter=trained.inter, data_dir=tmp_path / "data"
    )
    data = load(spec, tmp_path / "data")
    theirs = trained.scores
    column = {label: number for number, label in enumerate(theirs["items"])}
    place = {user: number for number, user in enumerate(theirs["users"])}
    columns = [column[label] for label in data.item_labels[1:]]
    assert (columns == list(range(1, data.n_items + 1))) is not turned
    expected = theirs["scores"][[place[user] for user in data.user_labels]][:, columns]
    model, prefixes = load_backbone(trained.kind, imported.written).model, split_prefixes(data)
    assert isinstance(model, PackedEncoder)
    assert prefixes.position[prefixes.test].max() > 2 * model.spec.max_length
    with torch.no_grad():
        found = model.encode_some(data, prefixes, prefixes.test) @ model.item_matrix[1:].T
    assert expected.shape == found.shape == (data.n_users, data.n_items)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4, rtol=0)
    assert np.ptp(expected) > 1


def test_the_score_on_valid_is_recboles_own(trained, tmp_path):
    imported = import_recbole(
        trained.checkpoint, DataSpec(path=trained.inter), tmp_path / "b.st", data_dir=tmp_path / "data"
    )
    assert imported.agreement.metric == "mrr@10"
    assert imported.checkpoint.best_valid_score == pytest.approx(float(trained.scores["valid"]))
    assert imported.agreement.here == pytest.approx(float(trained.scores["valid"]), abs=1e-4)
    assert imported.agreement.incomparable == ""
    assert imported.checkpoint.epoch == int(trained.scores["epoch"]) + 1
