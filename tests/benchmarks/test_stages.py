"""The registry, the turns that processes take, and the arithmetic of samples."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks.__main__ import HERE, backbone
from benchmarks.child import scaled
from benchmarks.peers.environment import NoEnvironmentError, recbole_python
from benchmarks.results import Measured, Results, Row
from benchmarks.sides.finetuning import LEFT_OUT
from benchmarks.stages import STAGES, chosen
from benchmarks.stages.base import Setting, Timed, at_least, ratios
from benchmarks.stages.finetuning import at_equal_recall
from benchmarks.table import rendered
from benchmarks.turns import CannotRunError, Side, SideFailedError, in_turns

SCRIPT = """
import json, os, sys
told, options = int(sys.argv[1]), json.loads(sys.argv[2])
log = open(options["log"], "a")
for line in sys.stdin:
    order = line.strip()
    log.write(options["name"] + " " + order + chr(10)); log.flush()
    if order == "measure" and options.get("fails"):
        sys.exit("it broke")
    if options.get("cannot"):
        answer = {"cannot": "no network"}
    elif order == "end":
        answer = {"peak_memory_mb": 10.0}
    else:
        rounds = options["rounds"] = options.get("rounds", 0) + (order == "measure")
        figures = {"round": rounds, "round " + str(rounds): 1}
        answer = {"seconds": options["seconds"], "sample": "", "figures": figures, "facts": {}}
    os.write(told, (json.dumps(answer) + chr(10)).encode())
    if order == "end":
        break
"""


class Scripted:
    """Makes sides that answer by a script and log their orders."""

    def __init__(self, folder: Path) -> None:
        self.script, self.log = folder / "side.py", folder / "log"
        self.script.write_text(SCRIPT, encoding="utf-8")

    def __call__(self, name: str, seconds: float = 1.0, **told: bool) -> Side:
        options = {"name": name, "seconds": seconds, "log": str(self.log), **told}
        return Side(name=name, function=str(self.script), options=options)


@pytest.fixture
def side(tmp_path):
    return Scripted(tmp_path)


def setting(folder: Path) -> Setting:
    return Setting(data_dir=None, peers=None, backbones={}, scratch=folder, rounds=None, threads=1)


def test_names_are_unique_and_long_stages_wait_until_asked_for():
    names = [stage.name for stage in STAGES]
    assert len(set(names)) == len(names)
    assert [stage.name for stage in chosen(None, long=True)] == names
    assert "quality" not in {stage.name for stage in chosen(None, long=False)}
    assert [stage.name for stage in chosen(["quality"], long=False)] == ["quality"]


def test_an_unknown_stage_is_refused_with_the_names_that_there_are():
    with pytest.raises(ValueError, match="no stage 'pretrain'; use one of pretraining"):
        chosen(["pretrain"], long=False)


def test_sides_take_turns_in_processes_of_their_own(side):
    one, other = in_turns([side("one", 1.0), side("two", 3.0)], rounds=2, limit_s=20.0)
    assert side.log.read_text().split("\n")[:-1] == [
        *("one prepare", "two prepare", "one measure", "two measure"),
        *("one measure", "two measure") * 2,
        *("one end", "two end"),
    ]
    assert (one.seconds, other.seconds) == ((1.0, 1.0), (3.0, 3.0))
    assert ratios(one, other) == (3.0, 3.0)
    assert one.figures == {"round": 2.5, "round 2": 1.0, "round 3": 1.0}  # the first did not count


def test_a_side_that_cannot_run_says_why(side):
    with pytest.raises(CannotRunError, match="no network"):
        in_turns([side("one", cannot=True)], rounds=1, limit_s=20.0)


def test_a_side_that_fails_is_quoted(side):
    with pytest.raises(SideFailedError, match="one: ended with status 1: it broke"):
        in_turns([side("one", fails=True)], rounds=1, limit_s=20.0)


def test_a_side_that_takes_too_long_is_ended(tmp_path):
    script = tmp_path / "slow.py"
    script.write_text("import time; time.sleep(60)", encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(SideFailedError, match="slow: took longer"):
        in_turns([Side(name="slow", function=str(script))], rounds=1, limit_s=0.2)
    assert time.monotonic() - began < 30


def test_a_row_whose_side_cannot_run_says_so(side, tmp_path):
    stage = Timed(name="x", what="x", sides=lambda setting, data: (side("one", cannot=True),), goals={"": at_least(2)})
    (row,) = stage.run(setting(tmp_path))
    assert (row.problem, row.met, row.value) == ("cannot run here: no network", None, None)


def test_a_measured_row_has_its_ratio_and_verdict(side, tmp_path):
    stage = Timed(
        name="x",
        what="x",
        sides=lambda setting, data: (side("one", 1.0), side("two", 3.0)),
        goals={"": at_least(2)},
    )
    (row,) = stage.run(setting(tmp_path))
    assert (row.values, row.met, row.problem) == ((3.0, 3.0, 3.0), True, "")


def test_the_child_program_measures_and_tells_its_own_memory():
    side = Side(name="help", function="running:help_text")
    (found,) = in_turns([side], rounds=1, limit_s=60.0, warm_up=False)
    assert 0.0 < found.seconds[0] < 30.0
    assert 5.0 < found.peak_memory_mb < 1000.0


def test_a_sample_is_scaled_to_the_whole_and_named():
    assert (scaled(3.0, done=4, of=8).seconds, scaled(3.0, done=4, of=8).sample) == (6.0, "4 of 8 steps")
    assert scaled(3.0, done=4, of=4).sample == ""


def test_a_faster_search_of_lower_recall_counts_for_nothing():
    def measured(recall: float, seconds: float) -> Measured:
        return Measured(name="", seconds=(seconds,), peak_memory_mb=1.0, figures={"recall@20": recall})

    assert at_equal_recall(measured(0.9, 1.0), measured(0.9, 2.0)) == (2.0,)
    assert at_equal_recall(measured(0.89, 1.0), measured(0.9, 2.0)) == (0.0,)


def test_search_and_upkeep_are_no_part_of_the_fine_tuning_epoch():
    assert {"search", "memory", "evaluate"} <= set(LEFT_OUT)
    assert not {"train", "backbone_noise"} & set(LEFT_OUT)


def test_a_backbone_is_given_as_data_and_file(tmp_path):
    file = tmp_path / "b.safetensors"
    file.touch()
    assert backbone(f"beauty={file}") == ("beauty", file)
    with pytest.raises(ValueError, match="give DATA=FILE"):
        backbone(str(file))


def test_an_environment_that_cannot_be_made_says_why(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(NoEnvironmentError, match="cannot make the environment"):
        recbole_python(blocked)


def test_the_committed_table_is_that_of_the_committed_results():
    results = Results.read(HERE / "results.json")
    assert rendered(results) in (HERE / "README.md").read_text(encoding="utf-8")
    assert {row.stage for row in results.rows} <= {stage.name for stage in STAGES}


def test_the_settings_of_a_row_are_no_secret():
    row = Row(stage="x", what="x", unit="x")
    assert json.loads(Results(rows=(row,)).as_json())["rows"][0]["threads"] == 1
