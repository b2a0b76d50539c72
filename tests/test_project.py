"""The project's own promises: what is imported is declared, what is declared is pinned, what the README says runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
IMPORT_NAMES = {
    "pydantic-core": "pydantic_core",
    "faiss-cpu": "faiss",
    "pyyaml": "yaml",
    "import-linter": "importlinter",
    "fonttools": "fontTools",
}

project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ;]", each)[0].lower() for each in requirements}


def imported_by(folder: str) -> set[str]:
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"harness", "reports"}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_package_imported_by_the_product_is_declared_and_every_declared_one_is_imported():
    declared = {IMPORT_NAMES.get(name, name) for name in names(project["dependencies"])}
    assert imported_by("harness") | imported_by("reports") == declared | {"ray"}


def test_ray_is_imported_by_two_files_alone_and_they_late():
    at_the_top = re.compile(r"^(?:import|from) (?:ray\b|harness\.runner\.executors\.ray)", flags=re.MULTILINE)
    importers = {path.name for path in (ROOT / "harness").rglob("*.py") if at_the_top.search(path.read_text("utf-8"))}
    assert importers == {"ray.py", "ray_cells.py"}


def test_every_declared_package_is_pinned_and_explained():
    declared = names(project["dependencies"]).union(
        *(names(each) for each in project["optional-dependencies"].values())
    ) - {"ftr-study"}
    explained = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert declared <= set(pins())
    assert declared == set(re.findall(r"^\| ([a-z0-9-]+) ", explained, flags=re.MULTILINE)) - {"package", "---"}


def test_every_pin_is_one_version_and_torch_is_the_tested_one():
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pins().values())
    assert pins()["torch"] == "2.13.0"


def test_both_commands_of_the_readme_set_up_the_tested_versions_by_themselves():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python3 -m venv \.venv && .*$", readme, flags=re.MULTILINE)
    assert [command.rpartition("&& ")[2] for command in commands] == [
        ".venv/bin/ftr-study run studies/kl_direction.yaml",
        ".venv/bin/pytest -n 2 --dist loadfile",
    ]
    assert all(" -c constraints.txt -e " in command for command in commands)


def test_the_changelog_begins_with_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, flags=re.MULTILINE)[0] == project["version"]


def test_the_licence_is_the_one_that_the_metadata_names():
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_plain_pytest_needs_no_plug_in_and_xdist_takes_files_in_order(request: pytest.FixtureRequest) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "--collect-only", "-q", "harness/words.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, pytest.ExitCode.NO_TESTS_COLLECTED), done.stdout + done.stderr
    if request.config.pluginmanager.hasplugin("xdist"):
        assert request.config.option.loadscopereorder is False
