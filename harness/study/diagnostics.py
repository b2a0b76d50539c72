"""The ``diagnostics:`` part of a study file: how much evidence is measured, in which arms, and what is not asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from harness.checks.catalogue import CHECKS
from harness.errors import did_you_mean
from harness.results.evidence import Diagnostics, Level
from harness.study.models import DiagnosticsModel
from harness.study.problems import show
from harness.study.yaml_lines import Document

LONGEST_REASON = 500


def diagnostics_of(model: DiagnosticsModel) -> Diagnostics:
    """What a checked model asks for."""
    return Diagnostics(
        level=Level(model.level),
        arms=None if model.arms is None else tuple(cast(Sequence[str], model.arms)),
        mute=dict(cast(Mapping[str, str], model.mute or {})),
    )


def check_diagnostics(document: Document, model: DiagnosticsModel, arms: Sequence[str]) -> None:
    """Note every arm and every check that does not exist, and every one muted without a reason.

    Args:
        document: where mistakes are noted.
        model: the part, its level checked.
        arms: names of the study's arms.
    """
    _check_arms(document, model.arms, arms)
    here = ("diagnostics", "mute")
    if model.mute is None:
        return
    if not isinstance(model.mute, dict):
        document.add(here, f"{show(model.mute)} is not a mapping of checks to reasons; write  FTR101: why not")
        return
    codes = list(CHECKS)
    for code, reason in cast(Mapping[str, object], model.mute).items():
        place = (*here, code)
        if code not in codes:
            document.add(
                place, f"no check {show(code)}{did_you_mean(code, codes)} (docs/checks)", line=document.line(place)
            )
        elif not isinstance(reason, str) or not reason.strip() or len(reason) > LONGEST_REASON:
            found = f"{len(reason)} characters" if isinstance(reason, str) and reason.strip() else show(reason)
            document.add(
                place, f"{found} is no reason; say in 1 to {LONGEST_REASON} characters why, the report prints it"
            )


def _check_arms(document: Document, named: object, arms: Sequence[str]) -> None:
    here = ("diagnostics", "arms")
    if named is None:
        return
    if not isinstance(named, list):
        document.add(here, f"{show(named)} is not a list of arms; write [{show(named).strip(chr(39))}]")
        return
    for i, each in enumerate(cast(list[object], named)):
        if each not in arms:
            hint = did_you_mean(each, arms) if isinstance(each, str) else ""
            document.add((*here, i), f"no arm {show(each)}{hint} (base is always measured)")
