"""The hash of the code that decides a run covers what a run imports, and plug-ins at any depth."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from harness.ftragrec.attention import SharedTemperature
from harness.provenance import recipe_sources_hash, run_sources, run_sources_hash
from harness.recipe import BASE
from harness.schedules import Progress

ROOT = Path(__file__).parents[1]
DECIDES_NOTHING = {
    "harness/errors.py",
    "harness/records.py",
    "harness/sealed.py",
    "harness/ftragrec/stopwatch.py",
    "harness/data/fetch.py",
    "harness/data/download.py",
    "harness/data/named.py",
}
ON_CUDA_ALONE = {"harness/cuda.py", "harness/device.py"}
"""What decides on CUDA stands in the device's part of the key there, and does nothing on the CPU."""


def imported(path: Path) -> set[Path]:
    """Our own modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    found = (ROOT / f"{name.replace('.', '/')}.py" for name in names if name.startswith("harness."))
    return {each for each in found if each.is_file()}


def test_everything_that_a_run_imports_is_in_its_hash() -> None:
    start = ROOT / "harness" / "ftragrec" / "loop.py"
    reached, waiting = {start}, [start]
    while waiting:
        for path in imported(waiting.pop()) - reached:
            reached.add(path)
            waiting.append(path)
    missing = {str(path.relative_to(ROOT)) for path in reached - set(run_sources())}
    assert missing <= DECIDES_NOTHING | ON_CUDA_ALONE
    assert ROOT / "harness" / "metrics.py" in run_sources()


@dataclass(frozen=True, slots=True)
class Zigzag:
    """A plug-in's schedule."""

    def __call__(self, progress: Progress) -> float:
        return 0.1 if progress.epoch % 2 else 0.2


def test_a_plug_ins_schedule_inside_one_of_our_specs_counts() -> None:
    recipe = replace(BASE, temperature=SharedTemperature(schedule=Zigzag()))
    assert recipe_sources_hash(BASE) == run_sources_hash()
    assert recipe_sources_hash(recipe) != run_sources_hash()


def test_what_measures_is_what_a_diary_loads_and_what_asks_loads_no_torch():
    script = (
        "import sys; from pathlib import Path; import harness.diagnostics\n"
        "from harness.provenance import ASKING\n"
        "folder = Path(harness.diagnostics.__file__).parent\n"
        "for path in folder.glob('*.py'):\n"
        "    if path.stem.partition('_')[0] in ASKING: __import__(f'harness.diagnostics.{path.stem}')\n"
        "assert 'torch' not in sys.modules\n"
        "before = {name for name in sys.modules if name.startswith('harness.diagnostics.')}\n"
        "import harness.diagnostics.witness\n"
        "loaded = {name for name in sys.modules if name.startswith('harness.diagnostics.')}\n"
        "files = {f'harness.diagnostics.{path.stem}' for path in folder.glob('*.py') if path.stem != '__init__'}\n"
        "assert loaded == files, files - loaded\n"
        "assert before < loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
