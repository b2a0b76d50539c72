"""What ``diagnose`` runs: base alone, from a study file, a data set or a checkpoint."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.cli.data_options import NULL, columns_of, keys_of
from harness.data.formats.base import Columns
from harness.errors import InputError
from harness.modes.planning import make_plan
from harness.results.evidence import Level
from harness.study.diagnosing import study_to_diagnose
from harness.study.study import Overrides

WORLD = "".join(f"u{user} " + " ".join(f"i{(user + step) % 7}" for step in range(8)) + "\n" for user in range(9))
STUDY = """\
name: mine
data: {path: world.txt, format: sequences, min_interactions: 1}
base: [wiring.cosine]
arms: {reverse: kl.reverse}
seed: 7
budget: {epochs: 3, patience: 2}
diagnostics: {level: off, mute: {FTR101: known}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "world.txt").write_text(WORLD, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def test_of_a_study_it_keeps_all_but_the_arms(folder: Path) -> None:
    study = study_to_diagnose(folder / "mine.yaml", None, Overrides(epochs=5))
    (cell,) = make_plan(study).cells()
    assert (cell.row, cell.replicate, cell.level) == ("base", 0, Level.FULL)
    assert str(cell.recipe.similarity) == "CosineSimilarity()"
    assert (study.slug, study.seed, study.budget.epochs, study.budget.patience) == (
        "diagnosis_mine.epochs-5",
        7,
        5,
        2,
    )
    assert study.diagnostics.mute == {"FTR101": "known"}


def test_a_file_of_interactions_or_a_named_set_is_enough(folder: Path) -> None:
    study = study_to_diagnose(None, str(folder / "world.txt"), Overrides(replicates=2))
    assert study.data.path == (folder / "world.txt").resolve()
    assert (study.slug, len(make_plan(study).cells())) == ("diagnosis_world.replicates-2", 2)
    assert study_to_diagnose(None, "ml-100k", Overrides()).data.name == "ml-100k"


def test_a_file_is_read_as_the_options_say(folder: Path) -> None:
    (folder / "my.csv.gz").write_bytes(gzip.compress(b"wer;item;time\na;x;1\n"))
    reading = keys_of(None, ";", "wer", None, NULL, 2)
    assert reading == {"sep": ";", "columns": {"user": "wer", "time": None}, "min_interactions": 2}
    study = study_to_diagnose(None, str(folder / "my.csv.gz"), Overrides(), reading)
    assert study.slug == "diagnosis_my"
    assert study.data.columns == columns_of("wer", None, NULL) == Columns(user="wer", time=None)
    assert (study.data.sep, study.data.min_interactions) == (";", 2)
    assert keys_of(None, None, None, None, None, None) == {}


@pytest.mark.parametrize(
    ("target", "data", "reading", "message"),
    [
        ("mine.yaml", None, {"sep": ";"}, "says how its data is read; set sep under  data:  in that file"),
        (None, "ml-100k", {"sep": ";"}, "a named data set has its own format"),
        (None, "world.txt", {"columns": {"user": "u"}}, "which has no columns; leave columns out"),
        (None, "world.txt", {"format": "cvs"}, "did you mean csv"),
    ],
)
def test_options_that_do_not_fit_the_data_are_refused(folder: Path, target, data, reading, message) -> None:
    path = None if target is None else folder / target
    with pytest.raises(InputError, match=message):
        study_to_diagnose(path, data if data == "ml-100k" or data is None else str(folder / data), Overrides(), reading)


@pytest.mark.parametrize(
    ("target", "data", "message"),
    [
        (None, None, "nothing to diagnose: give a study file, or name data, such as --data ml-100k"),
        ("mine.yaml", "ml-100k", "names its own data; remove --data ml-100k"),
        ("model.pth", "ml-100k", r"model.pth is neither a study file \(.yaml\) nor a checkpoint \(.safetensors\)"),
        (None, "ml-100", "did you mean ml-100k"),
        (None, "nowhere.inter", "nowhere.inter does not exist"),
    ],
)
def test_what_does_not_go_together_is_refused(folder: Path, target: str, data: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        study_to_diagnose(None if target is None else folder / target, data, Overrides())
