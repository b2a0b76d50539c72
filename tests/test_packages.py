"""What the sdist and the wheel hold, against the files that git tracks. .ci/packages installs and uses them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools.build_meta import build_{kind} as build; build(sys.argv[1])"
BESIDE = {"CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "README.zh.md", "constraints.txt", "pyproject.toml"}


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}


def build(kind: str, source: Path, into: Path) -> Path:
    command = [sys.executable, "-c", BUILD.format(kind=kind), str(into)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = into.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """Files of the sdist, and of the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("packages")
    for name in tracked():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    with tarfile.open(build("sdist", folder / "source", folder)) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    sdist = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    with zipfile.ZipFile(build("wheel", unpacked, folder)) as archive:
        return sdist, set(archive.namelist())


@pytest.mark.slow
def test_the_wheel_holds_every_tracked_file_of_the_packages_and_nothing_else(
    packages: tuple[set[str], set[str]],
) -> None:
    _, wheel = packages
    inside = {name for name in wheel if ".dist-info/" not in name}
    assert inside == tracked("harness", "reports", "ftr_study.py")
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


@pytest.mark.slow
def test_the_sdist_holds_what_a_build_needs_and_nothing_else(packages: tuple[set[str], set[str]]) -> None:
    sdist, _ = packages
    made = {name for name in sdist if ".egg-info/" in name} | {"PKG-INFO", "setup.cfg"}
    assert sdist - made == tracked("harness", "reports", "ftr_study.py") | BESIDE
