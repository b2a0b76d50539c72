from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.events import assemble
from harness.data.formats.base import Columns
from harness.data.formats.recbole import RecBole
from harness.data.formats.sequences import Sequences
from harness.data.sources import DataSpec, load, show
from harness.errors import InputError

TEXT = "ann x y z x\nbob y z x y\neve z\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.txt"
    path.write_text(TEXT)
    return path


def forbid_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(Sequences, "read", refuse)


def test_parsed_data_is_kept_and_equal_when_read_back(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = DataSpec(path=log, min_interactions=2)
    first = load(spec, tmp_path / "data")
    forbid_parsing(monkeypatch)
    again = load(spec, tmp_path / "data")

    assert again.fingerprint() == first.fingerprint()
    assert (again.name, again.load_report.source) == ("log", str(log))
    assert again.load_report.dropped == first.load_report.dropped
    for name in ("items", "offsets", "user_labels", "item_labels"):
        kept, parsed = getattr(again, name), getattr(first, name)
        assert kept.dtype == parsed.dtype
        assert np.array_equal(kept, parsed)


def test_another_spec_or_another_content_is_not_mistaken_for_the_kept_one(log: Path, tmp_path: Path):
    kept = load(DataSpec(path=log, min_interactions=2), tmp_path / "data")
    assert load(DataSpec(path=log, min_interactions=1), tmp_path / "data").fingerprint() == kept.fingerprint()
    assert len(list((tmp_path / "data" / "parsed").glob("*.parsed"))) == 2
    log.write_text(TEXT.replace("x y z x", "z y x x"))
    assert load(DataSpec(path=log, min_interactions=2), tmp_path / "data").fingerprint() != kept.fingerprint()


def test_the_same_content_under_another_name_keeps_its_own_name(log: Path, tmp_path: Path):
    spec = DataSpec(path=log, min_interactions=2)
    load(spec, tmp_path / "data")
    other = log.rename(tmp_path / "other.txt")
    data = load(DataSpec(path=other, min_interactions=2), tmp_path / "data")
    assert (data.name, data.load_report.source) == ("other", str(other))
    assert len(list((tmp_path / "data" / "parsed").glob("*.parsed"))) == 1


@pytest.mark.parametrize("position", [0, 40, 300, -1])
def test_a_damaged_cache_is_set_aside_named_and_rebuilt(
    log: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, position: int
):
    spec = DataSpec(path=log, min_interactions=2)
    whole = load(spec, tmp_path / "data")
    (kept,) = (tmp_path / "data" / "parsed").glob("*.parsed")
    content = bytearray(kept.read_bytes())
    content[position] ^= 1
    kept.write_bytes(content)

    assert load(spec, tmp_path / "data").fingerprint() == whole.fingerprint()
    assert kept.with_name(kept.name + ".damaged").read_bytes() == content
    assert f"{kept} is damaged" in caplog.text


def test_a_data_folder_that_cannot_be_written_serves_with_a_warning(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(os, "access", lambda *_: False)
    data = load(DataSpec(path=log, min_interactions=2), tmp_path / "data")
    assert data.n_users == 2
    assert "the parsed data is not kept" in caplog.text
    assert not (tmp_path / "data").exists()


def test_the_format_is_told_by_the_suffix_unless_given(log: Path, tmp_path: Path):
    assert DataSpec(path=log).file_format() is Sequences
    assert DataSpec(path=tmp_path / "a.inter").file_format() is RecBole
    odd = log.rename(tmp_path / "log.csv")
    assert load(DataSpec(path=odd, format="sequences", min_interactions=2), tmp_path / "data").n_users == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "give one of the two"),
        ({"name": "beauty", "path": Path("x.txt")}, "give one of the two"),
        ({"name": "beuty"}, r"did you mean beauty\?"),
        ({"name": "beauty", "format": "recbole"}, "beauty has its own format"),
        ({"path": Path("x.txt"), "columns": Columns(time=None)}, "x.txt is of format sequences, which has no columns"),
        (
            {"path": Path("x.weird")},
            r"no format has the suffix of x.weird; add format: csv \| tsv \| .* \| movielens",
        ),
        ({"path": Path("x.txt"), "min_interactions": 0}, "min_interactions 0: must be at least 1"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(fields: dict[str, Any], said: str):
    with pytest.raises(InputError, match=said):
        DataSpec(**fields)


def test_an_unknown_file_is_named_with_the_nearest_and_nothing_is_kept(log: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"no data file .*lg\.txt; did you mean log\.txt\?"):
        load(DataSpec(path=tmp_path / "lg.txt"), tmp_path / "data")
    with pytest.raises(InputError, match=r"there is no folder .*/nowhere either"):
        load(DataSpec(path=tmp_path / "nowhere" / "log.txt"), tmp_path / "data")
    with pytest.raises(InputError, match="is a folder"):
        load(DataSpec(path=tmp_path, format="recbole"), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_nothing_left_is_an_error_with_the_counts(log: Path, tmp_path: Path):
    with pytest.raises(InputError, match="nothing remains of 3 users, 3 items and 9 interactions"):
        load(DataSpec(path=log), tmp_path / "data")


def test_the_summary_is_the_files(log: Path, tmp_path: Path):
    summary = show(DataSpec(path=log, min_interactions=2), tmp_path / "data")
    assert (summary["n_users"], summary["n_items"], summary["n_interactions"]) == (2, 3, 8)
    assert (summary["mean_length"], summary["median_length"], summary["max_length"]) == (4, 4, 4)
    assert (summary["share_over_50"], summary["path"]) == (0, log)
    assert summary["dropped"] == {"users with fewer than 3 interactions": 1, "interactions of those users and items": 1}


@pytest.mark.shared
def test_ml_100k_after_the_five_core(shared_data: Path, tmp_path: Path):
    summary = show(DataSpec(path=shared_data / "ml-100k.inter"), tmp_path)
    assert (summary["n_users"], summary["n_items"], summary["n_interactions"]) == (943, 1349, 99_287)
    assert summary["dropped"] == {
        "items with fewer than 5 interactions": 333,
        "interactions of those users and items": 713,
    }
    assert summary["tied_share"] == pytest.approx(0.5085, abs=1e-4)
    assert show(DataSpec(path=shared_data / "ml-100k.inter", min_interactions=1), tmp_path)["n_items"] == 1682


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "counts"), [("beauty.txt", (22_363, 12_101, 198_502)), ("toys.txt", (19_412, 11_924, 167_597))]
)
def test_released_five_cores_are_left_whole(shared_data: Path, file: str, counts: tuple[int, int, int]):
    path = shared_data / file
    events = Sequences().read(path.read_bytes(), path, Columns())
    data = assemble(events, name=file, source=file, min_interactions=5)
    assert (data.n_users, data.n_items, len(data.items)) == counts
    assert data.load_report.dropped == {}
    assert data.fingerprint() == assemble(events, name=file, source=file, min_interactions=1).fingerprint()
