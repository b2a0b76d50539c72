"""The command from a checkpoint to a file that a study accepts."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

from harness import cli
from harness.data.sources import load
from harness.imports.backbone_file import BackboneFile
from harness.modes.plan import BackboneRef
from harness.runner.shared import SharedStages
from harness.study.study import load_study
from tests.imports.fakes import SETTINGS, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    return open_shop(tmp_path)


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["ftr-study", "import-checkpoint", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_a_study_takes_what_the_command_wrote(shop, monkeypatch, capsys, tmp_path):
    shop.save()
    words = ("model.pth", "--data", "shop.inter", "--out", "b.safetensors", "--data-dir", "data")
    assert call(monkeypatch, *words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "12 items matched by id with shop"
    assert said[-1] == "b.safetensors"
    study = tmp_path / "study.yaml"
    study.write_text(
        "name: s\ndata: {path: shop.inter}\narms: {r: kl.reverse}\nbackbone: {checkpoint: b.safetensors}\n"
    )
    loaded = load_study(study)
    assert isinstance(loaded.backbone, BackboneFile)
    assert loaded.backbone.provenance["source"] == "model.pth"
    data = load(loaded.data, tmp_path / "data")
    assert SharedStages.of(loaded, data, data_dir=None, folder=tmp_path).backbone_key(BackboneRef(0))


def test_a_packed_file_with_columns_of_other_names_is_read_and_what_was_guessed_is_said(shop, monkeypatch, capsys):
    text = shop.inter.read_text().replace("user_id:", "uid:", 1).replace("item_id:", "asin:", 1)
    Path("mine.inter.gz").write_bytes(gzip.compress(text.encode()))
    words = ("model.pth", "--data", "mine.inter.gz", "--out", "b.safetensors", "--data-dir", "data")
    shop.save()
    assert call(monkeypatch, *words) == 2
    assert "has no column 'user_id'" in capsys.readouterr().err, "the checkpoint names another"
    shop.save({**SETTINGS, "USER_ID_FIELD": "uid", "ITEM_ID_FIELD": "asin"})
    assert call(monkeypatch, *words) == 0
    said = capsys.readouterr()
    assert "12 items matched by id with mine" in said.out
    assert (
        "data: read as RecBole .inter: user=uid, item=asin, time=timestamp (guessed; change with columns:)"
        in said.err.splitlines()
    )


def test_beside_inter_the_options_of_columns_are_not_offered_for_the_data(shop, monkeypatch, capsys):
    shop.save()
    Path("mine.csv").write_text("wer,was,timestamp\na,i1,1\n")
    words = ("model.pth", "--data", "mine.csv", "--out", "b.safetensors", "--data-dir", "data")
    for more, said in ((("--inter", "shop.inter"), True), ((), False)):
        assert call(monkeypatch, *words, *more) == 2
        message = capsys.readouterr().err
        assert ("apply to shop.inter; rename the columns of mine.csv" in message) is said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model.pth", "--data", "shop.iner"), "shop.iner is neither a file nor one of ml-100k"),
        (("model.pth", "--data", "ml-100"), "did you mean ml-100k?"),
        (("missing.pth", "--data", "shop.inter"), "missing.pth does not exist"),
        (("shop.inter", "--data", "shop.inter"), "shop.inter is no file of torch.save"),
        (
            ("model.pth", "--data", "shop.inter", "--min-interactions", "1"),
            "the data shop 13, of which 1 are not among",
        ),
        (("model.pth", "--data", "shop.inter", "--item-column", "asin"), "asin"),
        (("model.pth", "--data", "shop.inter", "--heads", "2"), "it says n_heads 3, and --heads says 2"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_mistake_ends_in_one_message_and_exit_status_2(shop, monkeypatch, capsys, words, message):
    shop.save()
    assert call(monkeypatch, *words, "--out", "b.safetensors", "--data-dir", "data") == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert not Path("b.safetensors").exists()


def test_the_rate_of_dropout_can_be_chosen(shop, monkeypatch, capsys):
    shop.save({**SETTINGS, "attn_dropout_prob": 0.5})
    words = ("model.pth", "--data", "shop.inter", "--out", "b.safetensors", "--data-dir", "data")
    assert call(monkeypatch, *words) == 2
    assert "choose it with --dropout" in capsys.readouterr().err
    assert call(monkeypatch, *words, "--dropout", "1.5") == 2
    assert call(monkeypatch, *words, "--dropout", "0.3") == 0
