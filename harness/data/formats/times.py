"""Timestamps of a table: numbers, ISO 8601 dates and typed columns, converted to numbers of the same order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.data.events import Times
from harness.data.text import shorten
from harness.errors import InputError

Where = Callable[[Sequence[int]], str]
"""Returns the file and the lines of some rows, for a message."""

_INTEGER = r"^[+-]?[0-9]{1,19}$"
_DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
_OFFSET = r":.*(Z|[+-][0-9]{2}:?[0-9]{2})$"
_UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")
_YEAR_1995, _YEAR_2100 = 788_918_400, 4_102_444_800
_MOST = 0.9
"""Minimum share of values from 1995 to 2100, in any unit, for a column to be taken as times since 1970."""


def read_times(values: pa.Array, name: str, where: Where) -> Times:
    """Return timestamps as numbers: integers if all are, because a float64 would tie neighbouring nanoseconds.

    Args:
        values: text, numbers, timestamps or dates, ``(n_events,)``.
        name: name of the column, for messages.
        where: returns the file and the lines of some rows, for messages.

    Raises:
        InputError: a value is missing, is neither a number nor an ISO 8601 date, or is written unlike the others.
    """
    kind = values.type
    missing = np.flatnonzero(values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)).tolist()
    if missing:
        raise InputError(f"{where(missing)}: the column {name} has no value; fill it or remove these rows")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        width = pa.int32() if pa.types.is_date32(kind) else pa.int64()
        times = values.cast(width).to_numpy(zero_copy_only=False).astype(np.int64)
        _refuse_unset(times * 86_400 if pa.types.is_date32(kind) else times, values, name, where)
        return times
    if pa.types.is_string(kind):
        times = _of_text(values, name, where)
        if times is None:
            return _dates(values, name, where)
    elif pa.types.is_integer(kind) and kind != pa.uint64():
        times = values.to_numpy(zero_copy_only=False).astype(np.int64)
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind) or kind == pa.uint64():
        times = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    else:
        raise InputError(f"{where([0])}: the column {name} holds {kind}; give numbers or dates as timestamps")
    endless = np.flatnonzero(~np.isfinite(times)).tolist()
    if endless:
        raise InputError(f"{where(endless)}: {_neither(values[endless[0]].as_py(), name)}")
    _check_unit(times, values, name, where)
    return times


def _of_text(values: pa.Array, name: str, where: Where) -> Times | None:
    """Return numbers written as text; None if the column holds dates."""
    numeric = _matches(values, _DECIMAL)
    dated = _matches(values, _DATE)
    wrong = np.flatnonzero(~(numeric | dated)).tolist()
    if wrong:
        raise InputError(f"{where(wrong)}: {_neither(values[wrong[0]].as_py(), name)}")
    if numeric.any() and dated.any():
        odd = np.flatnonzero(dated if dated.sum() <= numeric.sum() else numeric).tolist()
        found, other = ("a date", "a number") if dated[odd[0]] else ("a number", "a date")
        raise InputError(
            f"{where(odd)}: the {name} {shorten(values[odd[0]].as_py())} is {found}, and other rows hold {other}; "
            "write all timestamps in one way"
        )
    if dated.any():
        return None
    if _matches(values, _INTEGER).all():
        try:
            bare = pc.call_function("utf8_ltrim", [values], pc.TrimOptions("+"))
            return bare.cast(pa.int64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            pass  # more than 64 bits: read as floats below
    return np.array([float(value) for value in values.to_pylist()], dtype=np.float64)


def _dates(values: pa.Array, name: str, where: Where) -> Times:
    aware = _matches(values, _OFFSET)
    if aware.any() and not aware.all():
        odd = np.flatnonzero(aware if aware.sum() * 2 <= len(aware) else ~aware).tolist()
        raise InputError(
            f"{where(odd)}: the {name} {shorten(values[odd[0]].as_py())} {'has' if aware[odd[0]] else 'lacks'} a time "
            "zone unlike other rows; write all timestamps in one way"
        )
    times = pd.to_datetime(values.to_pylist(), format="ISO8601", utc=True, errors="coerce")
    wrong = np.flatnonzero(np.asarray(times.isna())).tolist()
    if wrong:
        said = shorten(values[wrong[0]].as_py())
        raise InputError(f"{where(wrong)}: the {name} {said} is not a date that can be read; correct it")
    numbers = np.asarray(times.asi8, dtype=np.int64)
    _refuse_unset(numbers, values, name, where)
    return numbers


def _check_unit(times: Times, values: pa.Array, name: str, where: Where) -> None:
    """Refuse a mix of units, such as seconds and milliseconds, and 0 or -1 for an unknown time."""
    _refuse_unset(times, values, name, where)
    unit = _units(times)
    if unit is None:
        return
    found, counts = np.unique(unit[unit >= 0], return_counts=True)
    if len(found) < 2:
        return
    rarest, *others = found[np.argsort(counts, kind="stable")]
    odd = np.flatnonzero(unit == rarest).tolist()
    raise InputError(
        f"{where(odd)}: the {name} {times[odd[0]]} is in {_UNITS[rarest]}, and other rows are in {_UNITS[others[-1]]}; "
        "write all timestamps in one unit"
    )


def is_since_1995(value: str) -> bool:
    """Return whether a text is a number that is a time from 1995 to 2100, in any unit."""
    if re.fullmatch(_DECIMAL, value.strip()) is None:
        return False
    return _units(np.array([float(value)])) is not None


def _units(times: Times) -> NDArray[np.int64] | None:
    """Return the unit in which each value is from 1995 to 2100, or -1; None if too few values are in that range.

    Other numbers are valid times too, and a counter may pass through the range of a unit.
    """
    unit = np.full(len(times), -1)
    for power in range(len(_UNITS)):
        unit[(times >= _YEAR_1995 * 1000.0**power) & (times < _YEAR_2100 * 1000.0**power)] = power
    return unit if len(times) and (unit >= 0).mean() >= _MOST else None


def _refuse_unset(times: Times, values: pa.Array, name: str, where: Where) -> None:
    """Refuse 0 and -1, which programs write for an unknown time, if the other values are times since 1970."""
    unset = np.flatnonzero((times == 0) | (times == -1)).tolist()
    if unset and _units(times[(times != 0) & (times != -1)]) is not None:
        raise InputError(
            f"{where(unset)}: the {name} {values[unset[0]].as_py()} means 1970 or 1969 where other rows are of 1995 "
            "or later, as programs write an unknown time; write the time or remove these rows"
        )


def _neither(value: object, name: str) -> str:
    return (
        f"the {name} {shorten(str(value))} is neither a number nor an ISO 8601 date; write timestamps as 1404172800, "
        "2014-07-01 or 2014-07-01T12:30:00"
    )


def _matches(values: pa.Array, pattern: str) -> NDArray[np.bool_]:
    return pc.call_function("match_substring_regex", [values], pc.MatchSubstringOptions(pattern)).to_numpy(
        zero_copy_only=False
    )
