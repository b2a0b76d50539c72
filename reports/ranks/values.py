"""Typed reading of the columns of a table of ranks; an invalid value raises an error that names its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "nan", "na", "none", "null", "<na>")
"""Lower-case spellings of a missing value in text files."""

SETS = ("valid", "test")
MODES = ("on", "off", "served")
_SETS = {"test": "test", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid"}
_MODES = {"on": "on", "true": "on", "1": "on", "yes": "on", "off": "off", "false": "off", "0": "off", "no": "off"}

Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Values:
    """The columns of a table, with one method per type of content.

    Attributes:
        table: rows numbered from 0, columns renamed to :data:`reports.ranks.columns.COLUMNS`.
        where: name of the table in errors.
    """

    table: pd.DataFrame
    where: str

    def has(self, name: str) -> bool:
        return name in self.table.columns

    def labels(self, name: str) -> tuple[Codes, list[str]]:
        """Return each row's index into the names, and the distinct names as text (7, not 7.0), in row order.

        Raises:
            InputError: a value is missing.
        """
        import pandas as pd

        column: Any = self.table[name]
        if column.dtype.kind == "f" and not (np.mod(column.dropna(), 1) != 0).any():
            column = column.astype("Int64")
        text = column.astype(str).str.strip()
        self.refuse(column.isna() | (text == ""), f"{name} is missing", f"fill the column {name}")
        codes, names = pd.factorize(text)
        return codes, [str(each) for each in names]

    def sets(self) -> Codes:
        """Return each row's index in :data:`SETS`; the test set if the table has no such column."""
        return self._coded("split", _SETS, SETS, "test", "write test or valid")

    def modes(self) -> Codes:
        """Return each row's index in :data:`MODES`; ``served`` if the table has no such column."""
        return self._coded("retrieval", _MODES, MODES, "served", "write on or off, off for a model without retrieval")

    def ranks(self, beyond: int | None) -> NDArray[np.int32]:
        """Return the ranks, from 1.

        Args:
            beyond: K; values that are missing, below 1 or above K mean that the target is not in the first K.

        Raises:
            InputError: a value is not a whole number from 1, and ``beyond`` does not cover it.
        """
        numbers, missing = self.numbers("rank")
        if beyond is not None:
            outside = missing | ~np.isfinite(numbers) | (numbers < 1) | (numbers > beyond)
            numbers, missing = np.where(outside, beyond + 1, numbers), np.zeros_like(missing)
        not_listed = "if it means that the target is not among the first K items, add --beyond K"
        self.refuse(missing | np.isinf(numbers), "rank {} is not a number", not_listed, "rank")
        self.refuse(
            numbers == 0, "rank 0", f"ranks start at 1: if yours start at 0, add 1 to each; {not_listed}", "rank"
        )
        self.refuse(numbers < 1, "rank {} is below 1", not_listed, "rank")
        tied = "give each target one place; for ties, count items with the same score as ranked before it"
        self.refuse(numbers % 1 != 0, "rank {} is no whole number", tied, "rank")
        self.refuse(numbers > np.iinfo(np.int32).max, "rank {} is too large", "use the number of items at most", "rank")
        return numbers.astype(np.int32)

    def counts(self, name: str) -> NDArray[np.int64]:
        """Return the column as whole numbers from 0.

        Raises:
            InputError: a value is not such a number.
        """
        numbers, missing = self.numbers(name)
        wrong = missing | ~np.isfinite(numbers) | (numbers < 0) | (numbers % 1 != 0)
        self.refuse(wrong, f"{name} {{}} is no whole number from 0", f"correct it or leave out the column {name}", name)
        return numbers.astype(np.int64)

    def numbers(self, name: str) -> tuple[NDArray[np.float64], Flags]:
        """Return the values as numbers, and a mask of the missing ones.

        Raises:
            InputError: a value is neither a number nor missing.
        """
        import pandas as pd

        column: Any = self.table[name]
        if column.dtype.kind == "b":
            raise InputError(f"{self.where}: column {name} holds true and false; write numbers")
        missing = np.array(column.isna() | column.astype(str).str.strip().str.lower().isin(MISSING), dtype=bool)
        numbers = np.array(pd.to_numeric(column.where(~missing, np.nan), errors="coerce"), dtype=np.float64)
        self.refuse(np.isnan(numbers) & ~missing, f"{name} {{}} is not a number", "write a number", name)
        return numbers, missing

    def refuse(self, wrong: Any, what: str, fix: str, name: str = "") -> None:
        """Raise an error for the first row that is wrong, if any.

        Args:
            wrong: whether each row is wrong.
            what: what is wrong; its placeholder is filled with the value of the column ``name``.

        Raises:
            InputError: a row is wrong.
        """
        places = np.flatnonzero(np.asarray(wrong, dtype=bool))
        if places.size:
            value: Any = self.table[name].iloc[places[0]] if name else ""
            said = what.format(repr(value) if isinstance(value, str) else value)
            more = f", and in {places.size - 1:,} more" if places.size > 1 else ""
            raise InputError(f"{self.where}: {said} in {self.row(int(places[0]))}{more}; {fix}")

    def row(self, place: int) -> str:
        """Describe a row by its number (from 1, without the header) and its arm, seed, user, split and retrieval."""
        of = (
            f"{name} {self.table[name].iloc[place]}"
            for name in ("arm", "seed", "user", "split", "retrieval")
            if self.has(name)
        )
        return f"row {place + 1} ({', '.join(of)})"

    def _coded(self, name: str, codes: dict[str, str], known: tuple[str, ...], absent: str, fix: str) -> Codes:
        if not self.has(name):
            return np.full(len(self.table), known.index(absent))
        column: Any = self.table[name]
        text = column.astype(str).str.strip().str.lower().str.removesuffix(".0")
        found = text.map({written: known.index(code) for written, code in codes.items()})
        self.refuse(found.isna(), f"{name} {{}} is unknown", fix, name)
        return found.to_numpy(dtype=np.int64)
