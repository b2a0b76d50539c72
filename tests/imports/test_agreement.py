"""A checkpoint that is matched with the wrong items, columns or rows is refused by its score."""

from __future__ import annotations

import sys
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness import cli
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.ranking import valid_ranks
from harness.backbones.training import train_backbone
from harness.backbones.transformer.model import TransformerEncoder
from harness.data.sources import DataSpec, load
from harness.data.split import split_prefixes
from harness.errors import InputError
from harness.imports.agreement import Agreement, Mismatch
from harness.imports.importing import Imported, import_recbole
from harness.imports.recbole_model import Told
from harness.results.metrics import mean_metrics
from tests.imports.fakes import SETTINGS, Shop, open_shop, read_inter, save_fake, state_dict_of, write_inter

COMPARABLE = {"eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": {"valid": "full"}}}
SPEC = DuoRec(
    n_layers=1, n_heads=2, hidden_size=16, inner_size=32, batch_tokens=256, warmup_epochs=0, learning_rate=0.01,
    decay_visits=400, visits=500, dropout=0.25, contrastive_weight=0.0,
)  # fmt: skip
N_USERS, N_ITEMS = 80, 20


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TransformerEncoder, float]:
    """A log in which items are numbered here as by RecBole, a model that knows it, and its score there."""
    folder = tmp_path_factory.mktemp("trained")
    rng, rows = np.random.default_rng(1), []
    for user in range(N_USERS):
        item = rng.integers(N_ITEMS)
        for at in range(12):
            rows.append((f"u{user}", f"i{item}", at))
            item = (item + rng.choice([1, 1, 1, 2])) % N_ITEMS
    write_inter(folder / "log.inter", rows)
    data = load(DataSpec(path=folder / "log.inter", min_interactions=1), folder / "data")
    model: Any = train_backbone(
        SPEC, data, seed=0, threads=1, checkpoint_dir=folder, progress=lambda *_: None, device="cpu"
    ).model
    return folder / "log.inter", model, mean_metrics(valid_ranks(model, data, split_prefixes(data)))["mrr@10"]


def saved(path: Path, model: TransformerEncoder, score: float, **settings: Any) -> Path:
    every = {
        **SETTINGS,
        **COMPARABLE,
        "n_heads": 2,
        "n_layers": 1,
        "user_inter_num_interval": None,
        "item_inter_num_interval": None,
    }
    return save_fake(path, state_dict_of(model), {**every, **settings}, beside={"best_valid_score": np.float64(score)})


def bring(model: Path, inter: Path, **more: Any) -> Imported:
    spec = DataSpec(path=inter, min_interactions=1)
    return import_recbole(model, spec, model.with_suffix(".safetensors"), data_dir=model.parent / "data", **more)


def test_the_file_it_was_trained_on_agrees(trained, tmp_path):
    inter, model, score = trained
    imported = bring(saved(tmp_path / "m.pth", model, round(score, 4)), inter)
    assert "they agree" in imported.lines()[2]
    assert score > 3 * imported.agreement.by_chance


def reordered(inter: Path, folder: Path) -> Path:
    write_inter(folder / "log.inter", sorted(read_inter(inter), key=lambda row: row[1]))
    return folder / "log.inter"


def another_vocabulary(inter: Path, folder: Path) -> Path:
    """Another log of as many items."""
    rng = np.random.default_rng(2)
    write_inter(folder / "log.inter", [(user, f"j{rng.integers(N_ITEMS)}", at) for user, _, at in read_inter(inter)])
    return folder / "log.inter"


def other_order(inter: Path, folder: Path) -> Path:
    """Another column for the time: every history is turned round."""
    write_inter(folder / "log.inter", [(user, item, -at) for user, item, at in read_inter(inter)])
    return folder / "log.inter"


@pytest.mark.parametrize("kind", [reordered, another_vocabulary, other_order])
def test_a_log_that_matches_by_number_alone_is_refused_and_nothing_is_written(trained, tmp_path, kind):
    inter, model, score = trained
    model_file = saved(tmp_path / "m.pth", model, score)
    other = kind(inter, tmp_path)
    with pytest.raises(InputError, match=r"same order.*--accept-mismatch"):
        bring(model_file, other)
    assert not (tmp_path / "m.safetensors").exists()
    imported = bring(model_file, other, mismatch=Mismatch.ACCEPTED)
    assert "they differ" in imported.lines()[2]


def test_another_time_column_is_told_by_its_name(trained, tmp_path):
    inter, model, score = trained
    with pytest.raises(InputError, match=r"TIME_FIELD 'when'.*--time-column"):
        bring(saved(tmp_path / "m.pth", model, score, TIME_FIELD="when"), inter)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            {"eval_args": {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO", "mode": "full"}},
            "RecBole evaluated with split",
        ),
        ({"eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "uni100"}}, "mode uni100"),
        ({"eval_args": None}, "does not say how"),
        ({"eval_args": None, "eval_setting": "TO_LS,uni100"}, "mode uni100"),
    ],
)
def test_a_score_of_another_evaluation_is_no_ground_for_refusal(trained, tmp_path, settings, why):
    inter, model, _ = trained
    line = bring(saved(tmp_path / "m.pth", model, 0.99, **settings), inter).lines()[2]
    assert why in line
    assert "random ranks would give" in line


def test_the_evaluation_of_recbole_before_1_is_understood(trained, tmp_path):
    inter, model, _ = trained
    with pytest.raises(InputError, match="accept-mismatch"):
        bring(saved(tmp_path / "m.pth", model, 0.99, eval_args=None, eval_setting="TO_LS,full"), inter)


def test_a_metric_that_is_none_of_ours_is_not_compared(trained, tmp_path):
    inter, model, _ = trained
    assert "not in the file" in bring(saved(tmp_path / "m.pth", model, 0.99, valid_metric="GAUC"), inter).lines()[2]


@pytest.mark.parametrize("mismatch", Mismatch)
def test_scores_that_are_no_numbers_are_always_an_error(trained, tmp_path, mismatch):
    inter, model, score = trained
    huge = OrderedDict((name, value * 1e30) for name, value in model.state_dict().items())
    broken = TransformerEncoder(model.n_items, model.spec)
    broken.load_state_dict(huge)
    with pytest.raises(InputError, match="not a number for 80 of 80 users"):
        bring(saved(tmp_path / "m.pth", broken, score, eval_args=None), inter, mismatch=mismatch)


def test_the_tolerance_grows_with_the_figure_and_falls_with_the_users():
    one = Agreement(metric="mrr@10", here=0.5, by_chance=0.1, theirs=0.4, incomparable="", n_users=1000)
    assert one.tolerance == pytest.approx(0.0001 + 0.02 + 0.002)
    assert one.is_gross
    assert not replace(one, here=0.42).is_gross
    assert not replace(one, here=0.38).is_gross
    assert not replace(one, theirs=None).is_gross
    assert not replace(one, n_users=10).is_gross


def test_two_figures_at_chance_show_nothing_and_do_not_agree():
    for theirs, n_users in ((0.02, 100), (0.0022, 1000)):
        one = Agreement(metric="mrr@10", here=0.0049, by_chance=0.0002, theirs=theirs, incomparable="", n_users=n_users)
        one = replace(one, here=min(one.here, theirs))
        assert not one.is_gross
        assert "does not show whether the items match, since random ranks would give 0.0002" in one.line()
        assert "agree" not in one.line()
    assert (
        "they agree"
        in Agreement(metric="mrr@10", here=0.1, by_chance=0.01, theirs=0.1, incomparable="", n_users=1000).line()
    )


def test_a_right_model_on_tied_data_is_not_refused_and_a_wrong_one_still_is():
    ml = Agreement(
        metric="ndcg@10", here=0.0631, by_chance=0.0028, theirs=0.0566, incomparable="", n_users=943, tied_share=0.64
    )
    assert replace(ml, tied_share=0.0).is_gross
    assert not ml.is_gross
    assert "they agree" in ml.line()
    assert replace(ml, here=0.0028).is_gross
    few, many = replace(ml, here=0.0028, tied_share=0.005), replace(ml, here=0.0028)
    assert few.tolerance == replace(ml, tied_share=0.0).tolerance
    assert "means that items or histories are matched wrongly. Give" in few.problem()
    assert "can mean that items or histories are matched wrongly, or that RecBole orders" in many.problem()
    assert "decides the targets of 64% of users" in many.problem()


def test_the_share_of_ties_is_counted_from_the_data(trained, tmp_path):
    inter, model, score = trained
    assert bring(saved(tmp_path / "m.pth", model, score), inter).agreement.tied_share == 0.0
    tied = tmp_path / "log.inter"
    write_inter(tied, [(user, item, at // 3) for user, item, at in read_inter(inter)])
    found = bring(saved(tmp_path / "n.pth", model, score), tied).agreement
    assert found.tied_share > 0.9
    assert not found.is_gross


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    return open_shop(tmp_path)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "model._orig_mod.module."])
@pytest.mark.parametrize("key", ["", "state_dict", "model_state_dict"])
def test_a_wrappers_prefix_is_taken_off_and_said(shop, prefix, key):
    state = OrderedDict((prefix + name, value) for name, value in state_dict_of(shop.model).items())
    torch.save({key: state} if key else state, "wrapped.pth")
    spec = DataSpec(path=shop.inter)
    found = import_recbole(
        Path("wrapped.pth"), spec, Path("b.st"), told=Told(n_heads=3, dropout=0.25), data_dir=Path("data")
    )
    assert f"the prefix {prefix} was taken off the names of its parameters" in found.lines()


def test_two_models_in_one_file_are_refused_by_name(shop):
    state = state_dict_of(shop.model)
    torch.save({"a." + name: value for name, value in state.items()} | {"b.x": torch.ones(1)}, "two.pth")
    with pytest.raises(InputError, match=r"b\.x does not belong to the model of a\.item_embedding"):
        import_recbole(Path("two.pth"), DataSpec(path=shop.inter), Path("b.st"), data_dir=Path("data"))


def test_the_command_accepts_a_mismatch_only_when_told(trained, tmp_path, monkeypatch, capsys):
    inter, model, score = trained
    saved(tmp_path / "m.pth", model, score)
    reordered(inter, tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["import-checkpoint", "m.pth", "--data", "log.inter", "--min-interactions", "1", "--out", "b.safetensors"]
    for more, status in (((), 2), (("--accept-mismatch",), 0)):
        monkeypatch.setattr(sys, "argv", ["ftr-study", *words, "--data-dir", "data", *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert int(ended.value.code or 0) == status
        assert Path("b.safetensors").exists() is (status == 0)
    assert "they differ" in capsys.readouterr().out
