"""A parameter that is a stretch of training."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictStr, WithJsonSchema

from harness.errors import did_you_mean
from harness.interventions.domains import Number, Scale, Value, in_words, one_of, within

MOST_EPOCHS = 10_000
_EPOCHS = re.compile(r"0*([0-9]{1,5})ep")
_NEARLY_EPOCHS = re.compile(r"\s*\+?0*([0-9]{1,5})(?:\.0*)?\s*(?:ep|epochs?|eps)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch(Number):
    """A stretch of training: a fraction of the epoch budget within the bounds, or whole epochs such as ``3ep``.

    Attributes:
        low: the smallest fraction; if it is 0, ``0ep`` is allowed too.
        choices: words that are also allowed.
    """

    choices: tuple[str, ...] = ()

    @property
    def annotation(self) -> Any:
        pattern = f"^({'0|' if self._fewest == 0 else ''}[1-9][0-9]{{0,3}}|{MOST_EPOCHS})ep$"
        epochs = Annotated[
            StrictStr, AfterValidator(self._epochs), WithJsonSchema({"type": "string", "pattern": pattern})
        ]
        either = Annotated[float, within(self.low, self.high), Field(allow_inf_nan=False)] | epochs
        return either | one_of(self.choices) if self.choices else either

    def describe(self) -> str:
        words = f", or {', '.join(self.choices)}" if self.choices else ""
        return f"a fraction of the budget{in_words(self.low, self.high)}, epochs such as 3ep{words}"

    def hint(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and self.high < value <= MOST_EPOCHS:
            return f"; write {value}ep for {value} epochs"
        if not isinstance(value, str):
            return ""
        nearly = _NEARLY_EPOCHS.fullmatch(value)
        if nearly:
            n_epochs = int(nearly[1])
            if n_epochs > MOST_EPOCHS:
                return f"; the most is {MOST_EPOCHS}ep"
            return f"; write {n_epochs}ep" if n_epochs >= self._fewest else f"; the fewest is {self._fewest}ep"
        if value.strip().endswith("ep"):
            return f"; write a whole number before ep, at least {self._fewest}"
        return did_you_mean(value, self.choices)

    def scale(self, first: Value) -> Scale | None:
        in_epochs = {isinstance(value, str) for value in (*self.ends, first)}
        return None if len(in_epochs) > 1 else "epochs" if in_epochs == {True} else "float"

    @property
    def _fewest(self) -> int:
        return 0 if self.low <= 0 else 1

    def _epochs(self, text: str) -> str:
        """Whole epochs without leading zeros."""
        found = _EPOCHS.fullmatch(text)
        if not found or not self._fewest <= int(found[1]) <= MOST_EPOCHS:
            raise ValueError(text)
        return f"{int(found[1])}ep"
