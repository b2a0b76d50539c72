"""The real RecBole on a small world: its own models and ours of the same name and size end about equally good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.peers.bridge import read_ranks, write_ranks, write_sequences
from benchmarks.peers.environment import NoEnvironmentError, peers_folder, recbole_python
from benchmarks.sides.beside import trained_under_both
from benchmarks.stages.beside import RECBOLE, paired, ranks_of
from benchmarks.turns import Side, in_turns
from harness.backbones.registry import BACKBONES
from harness.data.planted import PlantedWorld, plant
from harness.data.protocol import History
from harness.results.metrics import check_metric

pytestmark = pytest.mark.slow

WORLD = PlantedWorld(n_users=300, n_items=80, mean_length=12.0, retrieval_share=0.0)
OURS: dict[str, dict[str, Any]] = {
    "sasrec": {"hidden_size": 32, "inner_size": 64, "batch_tokens": 48},
    "gru4rec": {"hidden_size": 32, "recurrent_size": 64, "batch_tokens": 192, "init_std": 0.13},
}
"""Steps are smaller than usual: 80 items are visited soon. RecBole's GRU4Rec draws wider weights for fewer items."""

THEIRS: dict[str, dict[str, Any]] = {
    "sasrec": {"hidden_size": 32, "inner_size": 64},
    "gru4rec": {"embedding_size": 32, "hidden_size": 64},
}
OURS_SMALLER = {"max_length": 10, "stride": 5, "decay_visits": 1560, "visits": 2240}
THEIRS_SMALLER = {"MAX_ITEM_LIST_LENGTH": 10, "train_batch_size": 128, "epochs": 50}
"""About fifty passes over the data on both sides."""

NOISE = 1.5
"""Half widths of a 95% interval over users, which knows nothing of the noise between seeds."""

LIMIT_S = 1800.0


@pytest.mark.parametrize("model", RECBOLE)
def test_ours_is_as_good_as_recboles_own_under_both_protocols(model, tmp_path):
    try:
        python = str(recbole_python(peers_folder()))
    except NoEnvironmentError as problem:
        pytest.skip(str(problem))
    data = plant(WORLD).interactions
    write_sequences(data, tmp_path)
    spec = BACKBONES.find(model)(**OURS[model], **OURS_SMALLER)
    own, ranks = trained_under_both(spec, data, seed=0, folder=tmp_path / "backbones")
    write_ranks(tmp_path / "ours.npz", ranks)
    side = Side(
        name="RecBole",
        function="recbole:trained",
        python=python,
        options={
            "folder": str(tmp_path),
            "model": RECBOLE[model],
            "changes": {**THEIRS[model], **THEIRS_SMALLER},
            "seed": 2020,
            "equal_s": {each.value: own.figures[f"cpu_s {each.value}"] for each in History},
            "limit_s": LIMIT_S,
        },
    )
    (peer,) = in_turns([side], rounds=1, limit_s=LIMIT_S, warm_up=False)
    # RecBole's own trainer and our rule measure the same model alike: same targets, same candidates.
    assert peer.figures["the same here"] == pytest.approx(peer.figures["own valid"], abs=2e-4)
    assert (peer.figures["own_end"], peer.figures["epochs"] <= 50) == (1.0, True)
    found = ranks_of(tmp_path)
    assert sorted(read_ranks(tmp_path / "theirs.npz")) == ["end hide", "end rank", "equal hide", "equal rank"]
    for history in History:
        name = history.value
        good = check_metric("ndcg@10").mean(found[f"end {name}"])
        assert good > 2 * check_metric("ndcg@10").mean(np.arange(data.n_items, dtype=np.int32) + 1), name  # by chance
        difference, half = paired([found[name]], [found[f"end {name}"]], "ndcg@10")
        print(f"{model}, history {name}: RecBole {good:.4f}, ours {difference:+.4f} ± {half:.4f}")
        assert difference > -NOISE * half, f"{model}, history {name}: {difference:+.4f} ± {half:.4f}"
