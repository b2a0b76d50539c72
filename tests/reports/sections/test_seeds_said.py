"""What the page says of a study that decides who gets more seeds, before its end and at it, and of an extended one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.results.folder import StudyFolder
from harness.results.manifest import StudyManifest
from harness.results.reading import read_frame
from harness.results.seeds import Seeds, Stop
from reports.output.files import write_report
from reports.output.terminal import answer_lines
from reports.stats.analysis import analyse
from tests.reports.pages import reported
from tests.reports.worlds import Arm, study

ARMS = {"good": Arm(shift=0.4), "idle": Arm(), "calm": Arm(touched=0.02)}


def study_with(path: Path, seeds: Seeds, *, n_named: int, replicates: int = 5) -> StudyFolder:
    """The good arm and base on every replicate, the others until they were set aside."""
    gone = [(row, number) for row, n in seeds.set_aside.items() for number in range(n, replicates)]
    folder = study(path, ARMS, replicates=range(replicates), missing=gone)
    manifest = folder.manifest()
    folder.write_manifest(replace(manifest, seeds=seeds.described(), replicates=tuple(range(n_named))))
    return folder


def test_before_the_end_there_are_no_verdicts(tmp_path: Path) -> None:
    seeds = Seeds(start=3, most=10, set_aside={"idle": 3}, ended=False)
    folder = study_with(tmp_path / "open", seeds, n_named=5)
    report = reported(folder)
    assert (report["n_finished"], report["n_replicates"]) == (5, 10)
    assert report["answer"]["code"] == "partial"
    assert report["answer"]["sentence"].startswith("No verdicts yet: 5 of 10 seeds have finished.")
    assert {row["verdict"] for row in report["rows"] if row["kind"] == "arm"} == {"partial"}
    assert "missing" not in [each["code"] for each in report["findings"]]
    assert "5 of 10 seeds" in write_report(folder).read_text(encoding="utf-8")


def test_at_the_end_the_arm_is_set_aside_with_its_seeds(tmp_path: Path) -> None:
    seeds = Seeds(start=3, most=10, set_aside={"idle": 3, "calm": 4, "good": 5}, ended=True)
    folder = study_with(tmp_path / "ended", replace(seeds, set_aside={"idle": 3, "calm": 4}), n_named=5)
    report = reported(folder)
    rows = {row["name"]: row for row in report["rows"]}
    assert (report["n_finished"], report["n_replicates"]) == (5, 5)
    assert rows["good"]["verdict"] == "better"
    idle = rows["idle"]
    assert (idle["verdict"], idle["verdict_text"], idle["n_seeds"], idle["p_holm"]) == (
        "set_aside",
        "set aside",
        3,
        1.0,
    )
    assert idle["note"] == "set aside after 3 of 10 seeds: more seeds are unlikely to decide it"
    assert idle["adjusted"] is not None
    assert idle["detectable"] is not None
    assert report["method"]["cells"]["idle"] == ["done"] * 3 + ["set_aside"] * 2
    page = write_report(folder).read_text(encoding="utf-8")
    assert "set aside after 3 of 10 seeds" in page
    assert "Every row ran with 3 seeds." in page
    assert any("set aside" in line for line in answer_lines(folder.path / "report.json"))
    assert "extended" not in [each["code"] for each in report["findings"]]


def test_where_all_stop_nothing_was_found_and_seeds_are_not_asked_for(tmp_path: Path) -> None:
    folder = study(tmp_path / "all", {"idle": Arm(), "other": Arm()}, sesoi=0.001)
    seeds = Seeds(start=3, most=10, set_aside={"idle": 3, "other": 3}, ended=True)
    folder.write_manifest(replace(folder.manifest(), seeds=seeds.described()))
    report = reported(folder)
    assert report["n_finished"] == report["n_replicates"] == 3
    assert report["answer"]["code"] == "nothing"
    assert report["answer"]["sentence"].startswith("Nothing was found to help")
    assert "2 of 2 arms were set aside" in report["answer"]["adopt"]
    assert "2 set aside" in report["answer"]["support"]


def test_an_extended_study_says_so_first(tmp_path: Path) -> None:
    folder = study(tmp_path / "more", {"good": Arm(shift=0.4)}, replicates=range(5))
    folder.write_manifest(replace(folder.manifest(), seeds=Seeds(earlier=((3, "more"), (4, "more"))).described()))
    found = next(each for each in reported(folder)["findings"] if each["code"] == "extended")
    assert found["severity"] == "warning"
    assert "after 3, 4 seeds" in found["text"]
    assert found["items"] == ["more (3)", "more (4)"]
    assert "9%" in found["text"]
    assert "13%" in found["text"]


def test_only_ends_with_fewer_seeds_than_base_has_are_told_each_number_once(tmp_path: Path) -> None:
    folder = study(tmp_path / "more", {"good": Arm(shift=0.4)}, replicates=range(5))
    for earlier, said in (
        (((3, "more"), (3, "other"), (5, "more"), (8, "more")), "after 3 seeds"),
        (((5, "more"),), None),
        (((8, "more"),), None),
    ):
        folder.write_manifest(replace(folder.manifest(), seeds=Seeds(earlier=earlier).described()))
        found = next((each for each in reported(folder)["findings"] if each["code"] == "extended"), None)
        assert (found is None) == (said is None)
        assert found is None or str(said) in found["text"]


def test_the_note_says_why_an_arm_stopped(tmp_path: Path) -> None:
    gone = {"idle": 3, "calm": 4, "broken": 3}
    why: dict[str, Stop] = {"idle": "futile", "calm": "equivalent", "broken": "failed"}
    seeds = Seeds(start=3, most=10, set_aside=gone, why=why, ended=True)
    missing = [(row, number) for row, n in gone.items() for number in range(n, 5)]
    failures = {("broken", number): "out of memory" for number in range(3)}
    arms = {**ARMS, "broken": Arm()}
    folder = study(tmp_path / "why", arms, replicates=range(5), missing=missing, failures=failures)
    folder.write_manifest(replace(folder.manifest(), seeds=seeds.described()))
    rows = {row["name"]: row for row in reported(folder)["rows"]}
    assert rows["idle"]["note"] == "set aside after 3 of 10 seeds: more seeds are unlikely to decide it"
    assert (rows["calm"]["verdict"], rows["calm"]["note"]) == ("equivalent", "stopped after 4 of 10 seeds: equivalent")
    assert rows["broken"]["note"] == "stopped after 3 of 10 seeds: no finished run to compare with base"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_both_languages_have_the_words(tmp_path: Path, lang: str) -> None:
    seeds = Seeds(start=3, most=10, set_aside={"idle": 3}, ended=True, earlier=((4, "x"),))
    folder = study_with(tmp_path / lang, seeds, n_named=5)
    page = write_report(folder, lang=lang)
    assert ("已搁置" if lang == "zh" else "set aside") in page.read_text(encoding="utf-8")


def test_the_manifest_keeps_what_it_says(tmp_path: Path) -> None:
    seeds = Seeds(start=3, most=10, set_aside={"idle": 3}, ended=True, earlier=((4, "x"),))
    folder = study_with(tmp_path / "kept", seeds, n_named=5)
    manifest = StudyManifest.from_json(folder.manifest().to_json())
    assert Seeds.of(manifest.seeds) == seeds
    assert Seeds.of({}) == Seeds()
    assert Seeds().described() == {}
    assert seeds.n_looks == 7


def test_a_set_aside_arm_stays_in_the_family(tmp_path: Path) -> None:
    seeds = Seeds(start=3, most=10, set_aside={"idle": 3, "calm": 3}, ended=True)
    found = analyse(read_frame(study_with(tmp_path / "family", seeds, n_named=5)))
    assert found.n_tests == 3


def test_no_chance_to_be_best_is_said_where_an_arm_that_stopped_ranks_above(tmp_path: Path) -> None:
    """Such an arm takes the chance, though it can never be named."""
    arms = {"above": Arm(shift=0.6), "good": Arm(shift=0.4), "below": Arm()}
    folder = study(tmp_path / "above", arms, replicates=range(3), n_users=400)
    for stopped, said in (("below", True), ("above", False)):
        seeds = Seeds(start=3, most=10, set_aside={stopped: 3}, ended=True)
        folder.write_manifest(replace(folder.manifest(), seeds=seeds.described()))
        answer = reported(folder)["answer"]
        assert answer["code"] == "helped"
        assert ("The probability that it is the best" in answer["support"]) is said
