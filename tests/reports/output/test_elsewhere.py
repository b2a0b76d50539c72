"""A report is its records' alone: without torch, data, network, or anything in memory that its JSON does not say."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.results.folder import StudyFolder
from harness.results.manifest import ArmRow
from harness.results.reading import read_frame
from reports.locale import languages, load_catalogue
from reports.output.comparison.model import Comparison
from reports.output.comparison.page import render_comparison, write_comparison
from reports.output.files import write_report
from reports.output.naming import named
from reports.sections.assembly import build_report, render_html
from tests.reports import worlds
from tests.reports.pages import by_name
from tests.reports.rebuild import rebuild, rebuild_report
from tests.reports.worlds import Arm, study

ROOT = Path(__file__).resolve().parents[3]

BARE_MACHINE = """
import json, sys

MISSING = {"torch", "faiss", "torchjd", "optuna", "sqlalchemy", "requests", "pooch"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ImportError(f"{name} is not on this machine")
        if name.startswith(("harness.data", "harness.engine", "harness.backbones.duorec", "harness.runner")):
            raise ImportError(f"{name} is not needed for a report")

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise AssertionError(f"a report needs no network: {event}")
    if event == "open" and any(word in str(arguments[0]) for word in ("ml-100k", "ftr-study/data", "u.data")):
        raise AssertionError(f"a report needs no data: {arguments[0]}")

sys.meta_path.insert(0, Missing())
sys.addaudithook(watch)
from harness import cli
for words in json.loads(sys.argv[1]):
    sys.argv = ["ftr-study", *words]
    try:
        cli.main()
    except SystemExit as ended:
        assert not ended.code, (words, ended.code)
"""


def on_a_bare_machine(commands: list[list[str]], home: Path) -> list[str]:
    """What each command prints, one after the other in one process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG", "FTR"))}
    done = subprocess.run(
        [sys.executable, "-c", BARE_MACHINE, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env={**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.split("\n") if line.strip()]
    assert not said, done.stderr
    return done.stdout.splitlines()


def test_report_and_comparison_are_written_on_another_machine_without_torch_or_data(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for name, seed in (("one", 0), ("two", 1)):
        study(here / name, worlds.FOUR, n_users=60, seed=seed)
    for lang in languages():
        write_report(StudyFolder(here / "one"), lang)
        write_comparison(here / "one", here / "two", here / "both", lang)
    for name in ("one", "two"):
        (there / name).mkdir(parents=True)
        for file in ("manifest.json", "users.npz"):
            shutil.copy(here / name / file, there / name)
    shutil.copytree(here / ".records", there / ".records")
    home = tmp_path / "home"
    home.mkdir()
    said = on_a_bare_machine(
        [
            command
            for lang in languages()
            for command in (
                ["report", str(there / "one"), "--lang", lang],
                ["compare", str(there / "one"), str(there / "two"), "--out", str(there / "both"), "--lang", lang],
            )
        ],
        home,
    )
    assert [line for line in said if line.startswith(str(there / "one"))] == [
        str(there / "one" / named("report.html", lang)) for lang in languages()
    ]
    for folder in ("one", "both"):
        for file in (here / folder).iterdir():
            assert (there / folder / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    arms = {**worlds.FOUR, "dead": Arm(touched=0.0), "close": Arm(shift=0.004, touched=0.02), "failing": Arm()}
    return study(
        tmp_path_factory.mktemp("runs") / "five",
        arms,
        replicates=range(5),
        n_users=400,
        sesoi=0.02,
        failures={("failing", 1): "loss not finite at epoch 3"},
        extra_rows=(ArmRow(name="twin", arm="twin", status="alias", alias_of="reverse", family="kl"),),
    )


@pytest.mark.parametrize("lang", languages())
def test_page_holds_nothing_that_report_json_does_not_say(five: StudyFolder, lang: str) -> None:
    page = write_report(five, lang).read_text(encoding="utf-8")
    report = rebuild_report(json.loads((five.path / named("report.json", lang)).read_text(encoding="utf-8")))
    assert render_html(report, load_catalogue(lang)) == page


def test_page_of_a_comparison_holds_nothing_that_comparison_json_does_not_say(
    five: StudyFolder, tmp_path: Path
) -> None:
    other = study(tmp_path / "other", worlds.FOUR, n_users=60, seed=1)
    path = write_comparison(five.path, other.path, tmp_path / "out")
    found = rebuild(Comparison, json.loads((path.parent / "comparison.json").read_text(encoding="utf-8")))
    assert render_comparison(found, load_catalogue("en")) == path.read_text(encoding="utf-8")


def test_every_verdict_follows_from_the_figures_of_report_json_by_another_route(five: StudyFolder) -> None:
    """Holm by statsmodels, intervals and equivalence by scipy from effect and df; effects from the raw ranks."""
    frame = read_frame(five)
    report = json.loads(build_report(frame, load_catalogue("en")).to_json())
    tested = [row for row in report["rows"] if row["kind"] == "arm" and row["p"] is not None and not row["equals"]]
    assert len(tested) == report["method"]["n_tests"] == 6
    adjusted: Any = multipletests([row["p"] for row in tested], method="holm")[1]
    sesoi = 0.02 * report["answer"]["base"]
    seen, levels = set(), set[float]()
    for row, p_holm in zip(tested, adjusted, strict=True):
        cells = frame.records[row["name"]]
        gains = [
            np.where(ranks <= 10, 1.0 / np.log2(ranks + 1.0), 0.0).mean()
            for number in sorted(cells)
            for ranks in (cells[number].test_on, frame.records["base"][number].test_on)
        ]
        assert row["effect"] == pytest.approx(np.mean(gains[::2]) - np.mean(gains[1::2]))
        assert row["p_holm"] == pytest.approx(p_holm)
        df = math.inf if row["df"] is None else row["df"]
        half = row["plain"][1] - row["effect"]
        se = half / stats.t.ppf(0.975, df)
        assert row["p"] == pytest.approx(2.0 * stats.t.sf(abs(row["effect"]) / se, df))
        # Max-t: narrower than Bonferroni by what the arms have in common, and wider than one arm's.
        wide = se * stats.t.ppf(1.0 - 0.025 / len(tested), df)
        own = row["adjusted"][1] - row["effect"]
        assert row["effect"] - row["adjusted"][0] == pytest.approx(own)
        assert 0.9 * wide <= own <= wide * (1.0 + 1e-9)
        levels.add(round(2.0 * float(stats.t.sf(own / se, df)), 9))
        # Two one-sided t tests against the smallest effect worth having, each at 4%.
        apart = [stats.t.sf((sesoi + sign * row["effect"]) / se, df) for sign in (1.0, -1.0)]
        if p_holm < 0.05:
            expected = "better" if row["effect"] > 0.0 else "worse"
        else:
            expected = "equivalent" if max(apart) < 0.04 else "inconclusive"
        assert row["verdict"] == expected, row["name"]
        seen.add(expected)
    assert seen == {"better", "worse", "equivalent", "inconclusive"}
    assert len(levels) == 1
    assert by_name(report)["dead"]["verdict"] == "no_effect"
