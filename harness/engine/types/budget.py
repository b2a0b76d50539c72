"""How long a run may train."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field


class Budget(BaseModel, frozen=True, extra="forbid", strict=True):
    """How long one run may train; used from the study file to a worker's task.

    Attributes:
        epochs: maximum number of epochs.
        patience: epochs without a better figure on the validation set before the run stops.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000, description="epochs at most")] = 10
    patience: Annotated[
        int, Field(ge=1, le=10_000, description="epochs without a better validation metric before a run stops")
    ] = 5
