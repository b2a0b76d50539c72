"""A record holds every rank: it comes back whole, and answers for metrics that its run did not measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.files import DamagedFileError, Sealed
from harness.results.metrics import mean_metrics
from harness.results.record import RECORD, EpochPoint, RunRecord, differing, same_ranks
from harness.results.store import RecordStore


def ranks(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


def made() -> RunRecord:
    on, off = ranks(1, 15, 40), ranks(2, 30, 90)
    points = [
        EpochPoint(epoch=0, valid_on={}, valid_off=mean_metrics(off)),
        EpochPoint(epoch=1, valid_on=mean_metrics(on), valid_off=mean_metrics(off), losses={"ce": 6.1}, seconds=2.0),
        EpochPoint(epoch=2, valid_on=mean_metrics(off), valid_off=mean_metrics(off)),
    ]
    return RunRecord(
        key="abc",
        valid_on=on,
        valid_off=off,
        test_on=ranks(3, 4, 5),
        test_off=ranks(6, 7, 8),
        also={"without": ranks(9, 9, 9), "a.b": ranks(1, 2, 3)},
        lists={"test_on": np.arange(12, dtype=np.int32).reshape(3, 4)},
        chosen_epoch=1,
        curve=tuple(points),
        seconds={"total": 3.5},
        checks={"nothing_trains": "why"},
        provenance={"machine": {"cores": 2}},
        observations={"seen": [1, 2]},
    )


def test_a_record_comes_back_as_it_was_written() -> None:
    record = made()
    found = RECORD.unpack(RECORD.pack(record))
    assert not differing(record, found)
    assert list(found.also) == list(record.also)
    np.testing.assert_array_equal(found.lists["test_on"], record.lists["test_on"])
    plain = {"valid_on", "valid_off", "test_on", "test_off", "also", "lists"}
    for name in set(RunRecord.__slots__) - plain:
        assert getattr(found, name) == getattr(record, name), name


def test_a_record_with_arrays_of_no_known_kind_is_damaged() -> None:
    plain = Sealed(title=RECORD.title, encode=bytes, decode=bytes)
    payload = plain.unpack(RECORD.pack(made()))
    with pytest.raises(DamagedFileError, match="layout"):
        RECORD.unpack(plain.pack(payload.replace(b"also.without", b"else.without")))


def test_a_metric_that_the_run_did_not_measure_is_that_of_its_ranks() -> None:
    record = made()
    point = record.measured("mrr@20")
    assert "mrr@20" not in record.chosen.valid_on
    assert point.valid_on["mrr@20"] == pytest.approx((1 + 1 / 15) / 3)
    assert point.valid_off["mrr@20"] == pytest.approx((1 / 2) / 3)
    assert (point.epoch, point.losses) == (1, {"ce": 6.1})
    assert record.measured("ndcg@10") is record.chosen
    with pytest.raises(InputError, match="unknown"):
        record.measured("map@20")


def test_quality_is_that_of_the_mode_in_which_the_run_is_served() -> None:
    record = made()
    assert record.quality("mrr") == pytest.approx((1 + 1 / 15 + 1 / 40) / 3)
    assert replace(record, served="off").quality("mrr") == pytest.approx((1 / 2 + 1 / 30 + 1 / 90) / 3)
    assert record.quality("recall@20") == record.chosen.valid_on["recall@20"]
    np.testing.assert_array_equal(replace(record, served="off").test, record.test_off)


def test_where_ranks_differ_is_told_by_array() -> None:
    record = made()
    other = replace(record, test_on=ranks(3, 4, 6), also={})
    assert differing(record, other) == {"a.b": 3, "test_on": 1, "without": 3}
    assert same_ranks(record, replace(record, seconds={}))
    assert not same_ranks(record, replace(record, chosen_epoch=2))


def test_a_store_finds_a_record_by_the_start_of_its_key(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    for key in ("abc", "abd", "xyz"):
        store.write(replace(made(), key=key))
    assert store.matching("ab") == ["abc", "abd"]
    assert store.only("x").key == "xyz"
    for start in ("ab", "q"):
        with pytest.raises(InputError, match="give more of the key"):
            store.only(start)
    store.path("xyz").write_bytes(b"ftr-study record 1\nno")
    with pytest.raises(InputError, match="damaged"):
        store.only("x")
