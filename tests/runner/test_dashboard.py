"""optuna-dashboard on loopback over studies that ran: its charts name arms and settings, and it shows our notes."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.api.pages import EarlyPages, page_of
from harness.results.folder import StudyFolder
from harness.runner.coordinator import RunOptions, run_study
from harness.runner.executors.base import Where
from harness.study.study import load_study
from reports.output.files import write_report
from tests.reports import gallery
from tests.reports.browser import NEEDS_BROWSER
from tests.runner.conftest import SMALL, Bench, Counting, make_bench
from tests.runner.kept import KeptWorkers
from tests.runner.made import cell_of, made_record

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.slow,
    *NEEDS_BROWSER,
    pytest.mark.skipif(
        importlib.util.find_spec("optuna_dashboard") is None,
        reason="needs optuna-dashboard: pip install optuna-dashboard",
    ),
]

STUDY = """\
name: {name}
question: Which weight helps?
data: {{path: world.txt, format: sequences, min_interactions: 1}}
arms: {{weight: {arm}}}
replicates: 2
budget: {{epochs: 1, patience: 1}}
diagnostics: off
{mode}"""
SEARCH = "mode: search\nsearch: {trials: 3, width: 2, startup: 2, confirm: 2}\n"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, all_kept_workers: KeptWorkers) -> Iterator[Bench]:
    with all_kept_workers.used():
        yield make_bench(tmp_path_factory.mktemp("dashboard"))


def run(bench: Bench, name: str, arm: str, mode: str = "") -> StudyFolder:
    """Run a study as the command does, with a page after each replicate and at its end."""
    path = bench.folder / f"{name}.yaml"
    path.write_text(STUDY.format(name=name, arm=arm, mode=mode), encoding="utf-8")
    options = RunOptions(out=bench.folder / "runs", where=Where(workers=1), data_dir=bench.folder / "data")
    display = Counting()
    outcome = run_study(
        load_study(path), options, display, spec=SMALL, on_replicate=EarlyPages(display), on_end=page_of
    )
    assert outcome.n_failed == 0
    return outcome.folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The dashboard of a study's own storage, as the documentation starts it; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()"]
    command += [f"sqlite:///{folder}/optuna.db", "--artifact-dir", f"{folder}/artifacts"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                asked(address, "studies")
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield address
    finally:
        server.terminate()
        server.wait()


def asked(address: str, what: str) -> Any:
    with urllib.request.urlopen(f"{address}/api/{what}") as answer:
        return json.load(answer)


@contextmanager
def opened(chromium: Browser, address: str) -> Iterator[Page]:
    """A tab in which nothing goes wrong."""
    troubles: list[str] = []
    page = chromium.new_page(viewport={"width": 1400, "height": 1000}, base_url=address)
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("console", lambda message: troubles.extend([f"console: {message.text}"] * (message.type == "error")))
    page.on("response", lambda answer: troubles.extend([f"{answer.status}: {answer.url}"] * (answer.status >= 400)))
    yield page
    page.close()
    assert troubles == []


def analytics(page: Page, study: int, parameter: str) -> str:
    """The slice chart of a parameter, as text."""
    page.goto(f"/dashboard/studies/{study}/analytics")
    card = page.locator(".MuiCard-root", has=page.get_by_text("Slice", exact=True)).first
    card.get_by_role("combobox").nth(1).click()
    page.get_by_role("option", name=f"Param {parameter}", exact=True).click()
    card.locator("svg .xtitle", has_text=parameter).wait_for()
    return card.inner_text()


def test_a_grid_shows_arms_settings_verdicts_page_and_picture(bench: Bench, chromium: Browser) -> None:
    run(bench, "grid", "{kl.weight: {weight: [0.003, 0.3]}}")
    folder = run(
        bench, "grid", "{kl.weight: {weight: [0.003, 0.03, 0.3, 1.0]}}"
    ).path  # arms are added to what is there
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    with served(folder) as address, opened(chromium, address) as page:
        (study,) = asked(address, "studies")["study_summaries"]
        number = study["study_id"]
        shares = asked(address, f"studies/{number}/param_importances")["param_importances"][0]
        assert {each["name"] for each in shares} == {"arm", "replicate", "kl.weight.weight"}
        assert "weight[weight=1]" in analytics(page, number, "arm")
        assert "0.01" in analytics(page, number, "kl.weight.weight")

        page.goto(f"/dashboard/studies/{number}")
        page.locator("svg .ytick", has_text="kl.weight.weight").first.wait_for()
        picture = page.locator("img[src*='/artifacts/']").first
        picture.wait_for()
        assert page.evaluate("image => image.decode().then(() => image.naturalWidth)", picture.element_handle()) > 300

        page.goto(f"/dashboard/studies/{number}/note")
        note = page.locator("main, body").first
        page.get_by_text(report["answer"]["sentence"]).wait_for()
        for row in (each for each in report["rows"] if each["kind"] == "arm"):
            assert page.locator("tr", has_text=row["name"]).filter(has_text=row["verdict_text"]).count() == 1
        assert str(folder / "report.html") in note.inner_text()
        page.get_by_role("link", name="Open report.html").click()
        page.get_by_role("heading", name="Which weight helps?").wait_for()

        trial = asked(address, f"studies/{number}")["trials"][0]
        page.goto(f"/dashboard/studies/{number}/trials?numbers={trial['number']}")
        key = next(each["value"] for each in trial["user_attrs"] if each["key"] == "key")
        page.get_by_text(re.compile(f"ftr-study show {key}")).wait_for()


def test_a_search_and_its_confirmation_open_without_an_error(bench: Bench, chromium: Browser) -> None:
    folder = run(bench, "search", "kl.weight", SEARCH).path
    with served(folder) as address, opened(chromium, address) as page:
        studies = {each["study_name"]: each["study_id"] for each in asked(address, "studies")["study_summaries"]}
        assert len(studies) == 3
        confirmation = studies["search (ndcg@10)"]
        for number in studies.values():
            assert asked(address, f"studies/{number}/param_importances")["param_importances"][0]
            for tab in ("", "/analytics", "/trials", "/note"):
                page.goto(f"/dashboard/studies/{number}{tab}")
                page.wait_for_load_state("networkidle")
        assert "base[default]" in analytics(page, confirmation, "arm")
        assert analytics(page, confirmation, "kl.weight.weight")
        page.goto(f"/dashboard/studies/{confirmation}/note")
        page.get_by_text(re.compile("^Answer")).first.wait_for()
        arm = next(number for name, number in studies.items() if ": weight #" in name)
        page.goto(f"/dashboard/studies/{arm}/note")
        page.get_by_text(re.compile("was confirmed on fresh seeds")).wait_for()


def test_names_with_markup_are_shown_as_they_are_and_the_dashboard_reads_our_notes(
    tmp_path: Path, chromium: Browser
) -> None:
    import optuna
    from optuna_dashboard import get_note

    from harness.runner.optuna.mirror import OptunaMirror
    from harness.runner.optuna.notes import Told
    from harness.runner.optuna.storage import Storage

    folder = gallery.names(tmp_path / "names")
    write_report(folder)
    storage = Storage(f"sqlite:///{folder.path}/optuna.db", rebuilt=True)
    mirror = OptunaMirror(storage, name="names", primary="ndcg@10")
    mirror.reused(cell_of(gallery.MARKUP), made_record("k", 0.1))
    mirror.settle()
    mirror.annotate(folder)
    storage.close()
    study = optuna.load_study(study_name="names (ndcg@10)", storage=f"sqlite:///{folder.path}/optuna.db")
    told = Told.of(folder)
    assert told is not None
    assert get_note(study).startswith(told.of_cells({}).study.partition("{links}")[0])
    with served(folder.path) as address, opened(chromium, address) as page:
        page.goto("/dashboard/studies/1/note")
        for name in (gallery.MARKUP, gallery.CHINESE, gallery.LONG, gallery.UNBROKEN):
            page.get_by_role("cell", name=" ".join(name.split()), exact=True).wait_for()
