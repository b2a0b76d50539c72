"""docs/study_file.md names every key, its examples are read; docs/reading_a_page.md names every section and verdict."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.study.study import load_study
from website.links import DOCS, ROOT

STUDY_FILE = (DOCS / "study_file.md").read_text(encoding="utf-8")
FIRST_STUDY = (DOCS / "first_study.md").read_text(encoding="utf-8")
READING = (DOCS / "reading_a_page.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads((ROOT / "studies" / "schema.json").read_text(encoding="utf-8"))
TEXTS = tomllib.loads((ROOT / "reports" / "locale" / "en.toml").read_text(encoding="utf-8"))

ARMS = {"reverse": "kl.reverse", "scale": "wiring.scale", "cosine": "wiring.cosine", "live": "wiring.live_keys"}


def keys(node: dict[str, Any]) -> Iterator[str]:
    """Every key of a study file but those of remedies."""
    for name, value in node.get("properties", {}).items():
        yield name
        if name not in ("arms", "base"):
            yield from keys(value)
    for part in (*node.get("anyOf", ()), node.get("additionalProperties")):
        if isinstance(part, dict) and part:
            yield from keys(part)  # pyright: ignore[reportUnknownArgumentType]
    if reference := node.get("$ref"):
        yield from keys(SCHEMA["$defs"][reference.rpartition("/")[2]])


def blocks(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_schema_has_the_keys_that_are_looked_for():
    some = {"name", "targets", "patience", "fraction", "user", "mute", "expects", "gain", "n_sampled"}
    assert some <= set(keys(SCHEMA))


@pytest.mark.parametrize("key", sorted(set(keys(SCHEMA))))
def test_every_key_is_explained_and_shown(key: str) -> None:
    prose = re.sub(r"^```.*?^```", "", STUDY_FILE, flags=re.DOTALL | re.MULTILINE)
    assert re.search(rf"`{key}[`:]|`{{.*\b{key}\b.*}}`", prose)
    assert any(re.search(rf"\b{key}:|\b{key}\b.*}}", block) for block in blocks(STUDY_FILE))


@pytest.mark.parametrize("block", [each for each in blocks(STUDY_FILE)[1:] if "{checkpoint:" not in each])
def test_every_example_is_read(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clicks.csv").write_text("who;what;when\n", encoding="utf-8")
    example = yaml.safe_load(block)
    plain = {"name": "mine", "data": "ml-100k", "arms": ARMS}
    Path("study.yaml").write_text(json.dumps(plain | example), encoding="utf-8")
    load_study(Path("study.yaml"))


def test_the_first_study_of_ones_own_is_read(tmp_path: Path) -> None:
    (own,) = blocks(FIRST_STUDY)
    (tmp_path / "mine.yaml").write_text(own, encoding="utf-8")
    assert load_study(tmp_path / "mine.yaml").name == "mine"


@pytest.mark.parametrize("section", sorted(TEXTS["question"]))
def test_every_section_under_more_is_on_the_page(section: str) -> None:
    own = ROOT / "reports" / "sections" / section / "en.toml"
    names = TEXTS["nav"] if section in TEXTS["nav"] else tomllib.loads(own.read_text(encoding="utf-8"))["nav"]
    assert f"| {names[section]} |" in READING or names[section] in ("Stacks", "Search")


@pytest.mark.parametrize("name", sorted(TEXTS["diagnosis"]["nav"].values()))
def test_every_section_of_a_diagnosis_is_on_the_page(name: str) -> None:
    _, _, diagnosis = READING.partition("## The diagnosis page")
    assert f"| {name} |" in diagnosis


@pytest.mark.parametrize("verdict", sorted(v for v in TEXTS["verdict"].values() if isinstance(v, str)))
def test_every_verdict_is_on_the_page(verdict: str) -> None:
    assert re.search(rf"^\| .*\b{re.escape(verdict)}\b", READING, flags=re.MULTILINE)
