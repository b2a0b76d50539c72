"""Usual names of some parameters, and values that the problem list mentions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.results.metrics import METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Further facts about a parameter.

    Attributes:
        alias: its name in FTragrec's configuration, or the usual symbol; empty if there is none.
        values: values to try in addition to those derived from its type.
    """

    alias: str = ""
    values: tuple[float | int | str, ...] = ()


KNOWN: Mapping[str, Known] = {
    "admission.length": Known(alias="len_lower_bound"),
    "index.max_lists": Known(alias="nlist, at most"),
    "index.entries_per_list": Known(alias="nlist = N / this"),
    "selection.k": Known(alias="top_k"),
    "exclusion.clip": Known(alias="longest history"),
    "temperature.schedule.value": Known(alias="retriever_temperature", values=(0.2,)),
    "teacher.share": Known(alias="a of P_rec"),
    "share.schedule.value": Known(alias="alpha", values=(0.5,)),
    "enhanced_weight.value": Known(alias="enhanced_rec_weight"),
    "alignment_weight.value": Known(alias="kl_small_weight"),
    # A short run ends before a refresh every ten epochs is due; it can only compare one per epoch with none.
    "refresh.every": Known(alias="retriever_update_interval", values=(1, 2)),
    "checkpoint.metric": Known(values=METRICS),
    "learning_rates.new_parts": Known(alias="learning rate"),
}
"""By :attr:`harness.audit.parameters.Parameter.name`.  Source: FTragrec as published, points 1-11; seed 2.3 and 6."""


def alias_of(name: str) -> str:
    """The alias of a parameter; empty if there is none."""
    return KNOWN[name].alias if name in KNOWN else ""
