"""The key ``replicates`` of a study file: a number of seeds, or ``{start, most}``: more where they decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, WithJsonSchema, field_validator

from harness.study.parts import ShortPart, refusal

DEFAULT_REPLICATES = 3

FEWEST = 3
"""Fewest seeds before the first look: two say too little about how much seeds differ."""

MOST = 1000


class ReplicatesModel(ShortPart):
    """Seeds of each setting: ``start`` of every row, then one after another, up to ``most``, where they may decide."""

    short: ClassVar[str] = "most"
    spelt: ClassVar[tuple[type, ...]] = (str, int, float)
    implied: ClassVar[Mapping[str, object]] = {"start": None}

    most: Annotated[int, Field(ge=1, le=MOST, description="seeds per setting; the maximum if start is given")]
    start: Annotated[
        int | None,
        Field(ge=FEWEST, le=MOST),
        WithJsonSchema(
            {
                "type": "integer",
                "minimum": FEWEST,
                "maximum": MOST,
                "description": "seeds per setting; from then on arms stop that more seeds are unlikely to decide",
            }
        ),
    ]

    @field_validator("start")
    @classmethod
    def _fewer(cls, value: int | None, info: ValidationInfo) -> int | None:
        most = info.data.get("most")
        if value is not None and most is not None and value >= most:
            message = (
                f"{value} is not below most, {most}; lower start, or write  replicates: {most}  for a fixed number"
            )
            raise refusal("not_below_most", message)
        return value
