"""The same log gives the same data, whatever form its file has."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.data.formats.base import Columns
from harness.data.sources import DataSpec, load
from tests.data.formats.written import ROWS, write_all


def test_every_form_has_one_fingerprint(tmp_path: Path) -> None:
    paths = write_all(tmp_path)
    loaded = {form: load(DataSpec(path=path, min_interactions=1), tmp_path / "data") for form, path in paths.items()}
    assert len({data.fingerprint() for data in loaded.values()}) == 1
    data = loaded["Parquet"]
    assert data.user_labels.tolist() == ROWS["user_id"].unique().tolist()
    assert data.item_labels[1:].tolist() == [str(item) for item in ROWS["item_id"].unique()]
    assert data.load_report.notes == loaded["CSV"].load_report.notes == {"rows out of time order (sorted)": 45}
    assert {data.name for data in loaded.values()} == {"log"}
    semicolons = tmp_path / "log.txt"
    semicolons.write_text(ROWS.to_csv(index=False, sep=";"))
    spec = DataSpec(path=semicolons, min_interactions=1, sep=";")
    assert load(spec, tmp_path / "data").fingerprint() == data.fingerprint()


def test_sequence_text_and_pairs_of_one_log_have_one_fingerprint(tmp_path: Path) -> None:
    ordered = ROWS.sort_values(["user_id", "timestamp"], kind="stable").astype(str)
    numbers = ordered.assign(user_id=ordered["user_id"].astype(int).add(1).astype(str))
    sequences, pairs, table = (tmp_path / name for name in ("a.txt", "b.txt", "c.csv"))
    grouped = numbers.groupby("user_id", sort=False)["item_id"].agg(" ".join)
    sequences.write_text("".join(f"{user} {items}\n" for user, items in grouped.items()))
    pairs.write_text("".join(f"{user} {item}\n" for user, item in zip(numbers.user_id, numbers.item_id, strict=True)))
    table.write_text(numbers.to_csv(index=False))
    prints = {
        load(DataSpec(path=path, min_interactions=1), tmp_path / "d").fingerprint() for path in (sequences, pairs)
    }
    in_order = DataSpec(path=table, min_interactions=1, columns=Columns(time=None))
    assert prints == {load(in_order, tmp_path / "d").fingerprint()}


@pytest.mark.shared
def test_ml_100k_has_the_fingerprint_that_it_always_had(shared_data: Path, tmp_path: Path) -> None:
    data = load(DataSpec(path=shared_data / "ml-100k.inter"), tmp_path)
    assert data.fingerprint() == "0041f17ce022f0ff"
    beauty = load(DataSpec(path=shared_data / "beauty.txt"), tmp_path)
    assert beauty.load_report.lines() == [
        "data: read as sequence text: one line per user, with all items, oldest first"
    ]
