"""A project of the user's that has folders called ``harness`` or ``reports`` does not hide ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYOUTS = {
    "cookiecutter-data-science": ("reports/figures/", "data/", "notebooks/"),
    "a package reports": ("reports/__init__.py",),
    "a module reports": ("reports.py",),
    "a package harness": ("harness/__init__.py",),
    "both": ("harness/__init__.py", "reports/__init__.py"),
}

IN_A_WORKER = """
import ftr_study
from harness.runner.executors.local import WorkerPool, ending
pool = WorkerPool(1)
print(pool.submit(ending, 1).result())
pool.close()
"""


@pytest.fixture(params=LAYOUTS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for name in LAYOUTS[request.param]:
        place = tmp_path / name
        if name.endswith("/"):
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("")
    return tmp_path


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A process in the folder, which comes first on its path, as with ``PYTHONPATH=.``; ours is a plain path entry."""
    environment = os.environ | {"PYTHONPATH": f".{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_command_finds_its_own_packages(project: Path) -> None:
    ran = python(project, "-m", "ftr_study", "report", "nowhere")
    assert ran.returncode == 2, ran.stderr
    assert "nowhere" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_python_finds_ours_after_importing_ftr_study(project: Path) -> None:
    ran = python(project, "-c", "import ftr_study, reports; print(reports.read_frame.__name__, ftr_study.load_study)")
    assert ran.stdout.startswith("read_frame <function load_study"), ran.stderr


def test_workers_find_ours_too(project: Path) -> None:
    (project / "script.py").write_text(IN_A_WORKER)
    ran = python(project, "script.py")
    assert ran.stdout == "its worker process ended with exit code 1\n", ran.stderr


def test_a_folder_without_code_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "reports" / "figures").mkdir(parents=True)
    ran = python(tmp_path, "-c", "import reports; print(reports.read_frame.__name__)")
    assert ran.stdout == "read_frame\n", ran.stderr


def test_a_package_imported_before_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").write_text("")
    ran = python(tmp_path, "-c", "import reports, ftr_study")
    assert f"{tmp_path / 'reports'} is imported as reports and shadows ftr-study's package" in ran.stderr


def test_an_editable_install_is_a_plain_path() -> None:
    """setuptools' other way, a finder behind all folders, loses to any folder of the same name."""
    ran = python(ROOT, "-c", "import sys; print([str(each) for each in sys.meta_path])")
    assert "__editable___ftr_study" not in ran.stdout
