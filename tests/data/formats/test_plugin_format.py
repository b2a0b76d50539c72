"""A data format is one file: installed, it is known to study files, to their schema and to the parsed data's keys."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from harness.contracts.data_format import check_data_format
from harness.data.formats import FORMATS
from harness.data.sources import DataSpec, load
from harness.errors import InputError
from harness.study.study import StudyFileError, load_study, study_schema

ROWS = [f'{{"user_id": "u{user}", "item_id": {(user + step) % 4}, "timestamp": {step}}}' for user in range(9) for step in range(6)]  # fmt: skip  # noqa: E501
EXAMPLE = "\n".join(ROWS)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one file, installed from a folder of its own."""
    file = tmp_path / "installed" / "json_lines.py"
    file.parent.mkdir()
    shutil.copy(Path(__file__).with_name("json_lines.py"), file)
    monkeypatch.syspath_prepend(file.parent)
    monkeypatch.delitem(sys.modules, "json_lines", raising=False)
    points = EntryPoints([EntryPoint("jsonl", "json_lines:JsonLines", "ftr_study.data_formats")])
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    monkeypatch.setattr(FORMATS, "_all", None)
    (tmp_path / "log.events").write_text(EXAMPLE)
    return file


def study_of(folder: Path, data: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(f"name: s\ndata: {{{data}}}\narms: {{r: kl.reverse}}\n")
    return path


@pytest.mark.parametrize("data", ["path: log.events", "path: log.events, format: json-lines"])
def test_a_study_reads_its_data_by_it(plugin: Path, tmp_path: Path, data: str):
    interactions = load(load_study(study_of(tmp_path, data)).data, tmp_path / "data")
    assert (interactions.n_users, interactions.n_items, len(interactions.items)) == (9, 4, 54)
    assert interactions.item_labels.tolist() == ["", "0", "1", "2", "3"]
    assert "json-lines" in str(study_schema()["$defs"]["DataModel"]["properties"]["format"])


def test_columns_are_mapped_and_faults_named_by_their_line(plugin: Path, tmp_path: Path):
    (tmp_path / "log.events").write_text(EXAMPLE.replace("user_id", "who") + '\n{"who": "u9"}\n')
    study = load_study(study_of(tmp_path, "path: log.events, columns: {user: who, time: null}, min_interactions: 1"))
    with pytest.raises(InputError, match=r"log\.events, line 55: no JSON object with who, item_id"):
        load(study.data, tmp_path / "data")


def test_the_contract_is_kept(plugin: Path):
    check_data_format(FORMATS.find("json-lines"), EXAMPLE.encode(), broken=[EXAMPLE.encode() + b"\n[]"])


def test_another_name_is_told_all_of_them(plugin: Path, tmp_path: Path):
    with pytest.raises(StudyFileError, match=r"'json-line' is not one of csv, .*, movielens, json-lines; did you mean"):
        load_study(study_of(tmp_path, "path: log.events, format: json-line"))
    with pytest.raises(
        InputError, match=r"no format has the suffix of .*; did you mean \.events\?; add format: .* \| json-lines"
    ):
        DataSpec(path=Path("log.event"))


def test_parsed_data_of_a_changed_plugin_is_not_taken_for_that_of_another(plugin: Path, tmp_path: Path):
    spec = DataSpec(path=tmp_path / "log.events", min_interactions=1)
    before = load(spec, tmp_path / "data")
    plugin.write_text(plugin.read_text() + '\n"""A closing word changes no key."""\n')
    assert load(spec, tmp_path / "data").fingerprint() == before.fingerprint()
    assert len(list((tmp_path / "data" / "parsed").glob("*.parsed"))) == 1
    plugin.write_text(plugin.read_text() + "\nSETTING = 1\n")
    load(spec, tmp_path / "data")
    assert len(list((tmp_path / "data" / "parsed").glob("*.parsed"))) == 2


def test_without_the_plugin_the_format_is_unknown(tmp_path: Path):
    with pytest.raises(InputError, match="no format has the suffix of"):
        DataSpec(path=tmp_path / "log.events")
