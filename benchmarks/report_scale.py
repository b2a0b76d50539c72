"""The report of a very large study: seconds, memory, bytes, and time until the page responds.

    python -m benchmarks.report_scale --threads 2

Ranks are simulated in a temporary folder, a separate process renders the report, and Chromium opens it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.reports import browser, worlds

OPENED = """() => new Promise((done) => {
  const answered = () => {
    document.querySelector("#ranking-table th[data-sort=effect] button").click();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const [page] = performance.getEntriesByType("navigation");
      done({interactive: page.domInteractive, loaded: page.loadEventEnd, answered: performance.now()});
    }));
  };
  answered();
})"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Time, memory and size of one report.

    Attributes:
        seconds, cpu_seconds, peak_memory_mb: of the rendering process, including its start and its imports.
        page_bytes, all_bytes: size of ``report.html``, and of all written files.
        interactive_s: time from the start of navigation until the script has run, median over openings.
        answered_s: time until a click on a heading has sorted the table and the result is painted.
    """

    arms: int
    seeds: int
    users: int
    threads: int
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    page_bytes: int
    all_bytes: int
    interactive_s: float | None
    answered_s: float | None
    load_average: float

    def __str__(self) -> str:
        opened = "not opened: no Chromium"
        if self.interactive_s is not None and self.answered_s is not None:
            opened = f"interactive after {self.interactive_s:.2f} s, first click painted after {self.answered_s:.2f} s"
        size = f"{self.arms} arms x {self.seeds} seeds x {self.users:,} users on {self.threads} thread(s)"
        took = f"{self.seconds:.1f} s ({self.cpu_seconds:.1f} s of CPU), peak {self.peak_memory_mb:.0f} MB"
        written = f"page {self.page_bytes / 1e6:.2f} MB of {self.all_bytes / 1e6:.2f} MB in all"
        return f"{size}: {took}; {written}; {opened} (load average {self.load_average:.1f})"


def simulated(path: Path, *, arms: int, seeds: int, users: int, epochs: int) -> None:
    """Simulate a study folder of the given size, including failures, aliases and arms without effect."""
    families = ("wiring", "retriever", "memory", "search", "attention", "fusion", "objective", "training")
    found: dict[str, worlds.Arm] = {}
    for place in range(arms):
        family = families[place % len(families)]
        found[f"{family}.remedy_{place:02d}[setting={place / 10}]"] = worlds.Arm(
            shift=0.02 * (place % 7 - 3),
            seed_sd=0.02 * (place % 5 == 0),
            touched=0.0 if place % 12 == 11 else 0.3 + 0.1 * (place % 5),
            family=family,
            priority="HML"[place % 3],
        )
    worlds.study(path, found, replicates=range(seeds), n_users=users, n_epochs=epochs)


def rendered(path: Path, threads: int) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak megabytes of rendering in a separate process.

    Raises:
        RuntimeError: rendering failed.
    """
    program = (
        "from pathlib import Path; from harness.results.folder import StudyFolder;"
        "from reports.output.files import write_report;"
        f"write_report(StudyFolder(Path({str(path)!r})))"
    )
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, **limits})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"rendering ended with status {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def opened(page: Path, rounds: int) -> Mapping[str, float] | None:
    """Median seconds of opening the page, by event; None without Chromium."""
    if browser.reason_not_to_run():
        return None
    found: list[dict[str, Any]] = []
    with browser.chromium() as chromium:
        for _ in range(rounds + 1):
            tab = chromium.new_page()
            tab.goto(page.as_uri())
            found.append(tab.evaluate(OPENED))
            tab.close()
    return {name: statistics.median(each[name] for each in found[1:]) / 1000.0 for name in found[0]}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", type=int, default=36)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--users", type=int, default=22_363)
    parser.add_argument("--epochs", type=int, default=20, help="points of each learning curve")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="openings of the page, after one that is not counted")
    parser.add_argument("--keep", type=Path, help="a folder for the study; one that is there already is used again")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = (chosen.keep or Path(scratch)) / "scale"
        if not (path / "manifest.json").exists():
            simulated(path, arms=chosen.arms, seeds=chosen.seeds, users=chosen.users, epochs=chosen.epochs)
        seconds, cpu, memory = rendered(path, chosen.threads)
        times = opened(path / "report.html", chosen.rounds)
        found = Scale(
            arms=chosen.arms,
            seeds=chosen.seeds,
            users=chosen.users,
            threads=chosen.threads,
            seconds=seconds,
            cpu_seconds=cpu,
            peak_memory_mb=memory,
            page_bytes=(path / "report.html").stat().st_size,
            all_bytes=sum(file.stat().st_size for file in path.iterdir() if file.is_file()),
            interactive_s=times["interactive"] if times else None,
            answered_s=times["answered"] if times else None,
            load_average=os.getloadavg()[0],
        )
    print(found)
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
