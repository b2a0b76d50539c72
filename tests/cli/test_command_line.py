"""The command line: one clear message an error, exit 2, nothing started; and nothing slow is loaded to say so."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness import cli
from harness.interventions import CATALOGUE
from harness.runner import rerun
from harness.runner.rerun import Rerun
from tests.reports import worlds

GOOD = """\
name: small
question: Does anything change?
data: {path: world.txt, format: sequences, min_interactions: 1}
arms:
  reverse: kl.reverse
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [f"u{user} " + " ".join(f"i{(user + step) % 7}" for step in range(9)) for user in range(9)]
    Path("world.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Path("study.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of ``ftr-study`` with these words."""
    monkeypatch.setattr(sys, "argv", ["ftr-study", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def edited(old: str, new: str) -> None:
    assert old in GOOD
    Path("study.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kl.reverse",
            "kl.revers",
            "study.yaml:5: arms.reverse: unknown intervention 'kl.revers'; did you mean kl.reverse?",
        ),
        ("reverse: kl.reverse", "w: {kl.weight: {weight: heavy}}", "study.yaml:5: arms.w"),
        ("{path: world.txt, format: sequences, min_interactions: 1}", "ml-100", "did you mean ml-100k?"),
        ("world.txt", "elsewhere.txt", "elsewhere.txt"),
        (
            "kl.reverse",
            "[kl.reverse, kl.symmetric]",
            "study.yaml:5: arms.reverse: kl.reverse and kl.symmetric both set divergence",
        ),
        ("kl.reverse", "[kl.reverse, {kl.weight: {weight: 0}}]", "alignment_weight is 0"),
        ("arms:", "device: cuda\narms:", "study.yaml:4: device: cuda needs an NVIDIA GPU"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "run"])
def test_bad_input_is_one_message_exit_2_and_nothing_started(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    old: str,
    new: str,
    message: str,
) -> None:
    monkeypatch.setattr("harness.device.what_is_missing", lambda: "none is here")
    edited(old, new)
    assert call(monkeypatch, command, "study.yaml") == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not Path("runs").exists()


def test_every_arm_that_cannot_run_is_named_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(
        "  reverse: kl.reverse\n",
        "  one: [kl.reverse, kl.symmetric]\n  fine: kl.reverse\n  two: [kl.reverse, {kl.weight: {weight: 0}}]\n",
    )
    assert call(monkeypatch, "validate", "study.yaml") == 2
    said = capsys.readouterr().err
    assert "study.yaml:5: arms.one" in said
    assert "study.yaml:7: arms.two" in said
    assert "arms.fine" not in said


def test_an_unreadable_inter_file_is_named_with_its_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.inter").write_text(
        "user_id:token\titem_id:token\ttimestamp:float\na\tx\t1\nb\ty\tyesterday\n", encoding="utf-8"
    )
    edited("{path: world.txt, format: sequences, min_interactions: 1}", "{path: bad.inter}")
    assert call(monkeypatch, "run", "study.yaml") == 2
    said = capsys.readouterr().err
    assert "bad.inter" in said
    assert "3" in said
    assert "yesterday" in said
    assert not Path("runs").exists()


def test_a_folder_that_cannot_be_used_ends_in_exit_4(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("taken").write_text("a file, not a folder", encoding="utf-8")
    assert call(monkeypatch, "run", "study.yaml", "--out", "taken", "--data-dir", "data") == 4
    said = capsys.readouterr().err
    assert "taken" in said
    assert "--out" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_manifest_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    Path("runs/small").mkdir(parents=True)
    Path("runs/small/manifest.json").write_text(content, encoding="utf-8")
    assert call(monkeypatch, "report", "runs/small") == 2
    assert "manifest" in capsys.readouterr().err


def test_an_unknown_option_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, "run", "study.yaml", "--replicate", "2") == 2
    assert call(monkeypatch, "run", "study.yaml", "--replicates", "0") == 2


def test_plan_says_what_would_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edited("reverse: kl.reverse", "weight: {kl.weight: {weight: [0.03, 0.1]}}")
    assert call(monkeypatch, "plan", "study.yaml", "--data-dir", "data") == 0
    said = capsys.readouterr().out
    assert "4 rows, 9 cells; 0 reused, 9 to run" in said
    assert "weight[weight=0.03]: same recipe as base, not run again" in said
    assert "backbones to train: replicate 0, replicate 1, replicate 2" in said


def test_listing_and_describing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "list", "interventions") == 0
    said = capsys.readouterr().out
    assert all(f"  {each.id} " in said for each in CATALOGUE)
    assert call(monkeypatch, "list", "interventions", "temperature") == 0
    said = capsys.readouterr().out
    assert "takes tau = 0.15 (a number in [0.001, 1000])" in said
    assert "kl." not in said
    assert call(monkeypatch, "describe", "kl.weight") == 0
    said = capsys.readouterr().out
    assert "writes alignment_weight: Constant(value=0.03) becomes Constant(value=0.01)" in said
    assert "a number in [0, 100]; default 0.01; a search explores 0.0003 to 1, logarithmic" in " ".join(said.split())
    assert call(monkeypatch, "list", "data") == 0
    assert "ml-100k" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("describe", "kl.wieght"), "unknown intervention 'kl.wieght'; did you mean kl.weight?"),
        (("list", "interventions", "wirring"), "no intervention is of family 'wirring'; did you mean wiring?"),
    ],
)
def test_an_unknown_intervention_or_family_is_answered_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert call(monkeypatch, *words) == 2
    assert message in capsys.readouterr().err


def test_pages_writes_the_pages_of_every_kind_into_the_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "pages") == 0
    told = capsys.readouterr().out
    for name in ("interventions", "checks"):
        assert f"{len(list((Path('docs') / name).iterdir()))} files in docs/{name}" in told
        assert (Path("docs") / name / "kl.md").is_file()
    assert {path.name for path in Path("docs").glob("*.md")} == {"rules.md", "next.md"}
    assert "2 files in docs" in told


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("validate", "study.yaml"),
        ("plan", "study.yaml", "--data-dir", "data"),
        ("list", "interventions"),
        ("describe", "kl.weight"),
        ("pages",),
    ],
)
def test_torch_is_not_loaded_before_it_is_needed(folder: Path, words: tuple[str, ...]) -> None:
    script = (
        "import sys; from harness import cli\n"
        f"sys.argv = ['ftr-study', *{words!r}]\n"
        "try: cli.main()\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "loaded = {'torch', 'faiss'} & sys.modules.keys(); assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_comparing_what_is_no_study_is_one_message(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "compare", "runs/one", "runs/two") == 2
    said = capsys.readouterr()
    assert "runs/one/manifest.json does not exist; run the study first" in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_compare_and_report_write_where_they_say_and_in_the_language_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        worlds.study(Path("runs") / name, worlds.FOUR, n_users=40, seed=seed)
    assert call(monkeypatch, "compare", "runs/one", "runs/two", "--out", "both") == 0
    assert capsys.readouterr().out == "both/comparison.html\n"
    assert {path.name for path in Path("both").iterdir()} == {f"comparison.{kind}" for kind in ("html", "json", "csv")}
    assert call(monkeypatch, "compare", "runs/one", "runs/two", "--lang", "xx") == 2
    assert "use --lang with one of en" in capsys.readouterr().err


def test_rerun_tells_what_it_found_and_ends_in_3_where_ranks_differ(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "rerun", "00ff") == 2
    assert "0 records in runs/.records start with '00ff'; give more of the key" in capsys.readouterr().err
    record = worlds.record("00ff", worlds.Arm(), replicate=1, n_users=9)
    for now, status in ((record, 0), (replace(record, chosen_epoch=record.chosen_epoch + 1), 3)):
        found = Rerun(study="small", metric="ndcg@10", row="base", replicate=1, before=record, now=now)
        monkeypatch.setattr(rerun, "rerun", lambda *_, found=found, **__: found)
        assert call(monkeypatch, "rerun", "00ff") == status
        told = capsys.readouterr().out
        assert told.startswith("base replicate 1 of small\nthen: epoch ")
        assert ("same ranks for 9 users" in told) is (status == 0)
