"""RecBole's numbering of items: after its filters, by the first row that is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.data.formats.base import Columns
from harness.data.formats.recbole import RecBole
from harness.errors import InputError
from harness.imports.recbole_items import recbole_filter, recbole_items

HEAD = "user_id:token\titem_id:token\ttimestamp:float\n"


def ids(rows: str, **settings: object) -> list[str]:
    text = HEAD + "".join(f"{user}\t{item}\t{9 - number}\n" for number, (user, item) in enumerate(rows.split()))
    events = RecBole().read(text.encode(), Path("x.inter"), Columns())
    return recbole_items(events, recbole_filter(settings))


def test_items_are_numbered_by_their_first_row_whatever_the_time():
    assert ids("ab ac bb ba") == ["b", "c", "a"]


def test_only_rows_that_are_left_count():
    # User x goes, and with it the first row of c; d has one row and goes too.
    assert ids("xc ab ac bd bb bc", user_inter_num_interval="[2,inf)", item_inter_num_interval="[2,inf)") == ["b", "c"]


def test_filters_go_on_until_they_leave_nothing_out():
    assert ids("ab ac bc bd bc ac", user_inter_num_interval="[3,inf)", item_inter_num_interval="[2,inf)") == []
    assert ids("ab ac ac bc bd bc", user_inter_num_interval="[2,inf)", item_inter_num_interval="[2,inf)") == ["c"]


@pytest.mark.parametrize(
    ("interval", "left"),
    [("[2,3]", "bc"), ("(2,3]", "c"), ("[2,3)", "b"), ("[0,1]", "d"), ("[1,1];[3,inf)", "cd"), ("[0, inf)", "bcd")],
)
def test_an_interval_may_be_open_or_closed_and_one_of_several_is_enough(interval, left):
    assert ids("ab ab ac bc cc cd", item_inter_num_interval=interval) == list(left)


def test_smallest_and_largest_numbers_are_those_of_recbole_before_1():
    assert ids("ab ab ac bc cc cd", min_item_inter_num=2, max_item_inter_num=None) == ["b", "c"]
    assert ids("ab ab ac bc cc cd", max_item_inter_num=2) == ["b", "d"]
    assert ids("ab ab ac bc cc cd", min_user_inter_num=2) == ["b", "c", "d"]


def test_no_setting_keeps_all():
    assert ids("ab cd") == ["b", "d"]


def test_a_bound_that_is_no_number_is_refused():
    with pytest.raises(InputError, match="no number"):
        ids("ab", min_user_inter_num=...)
