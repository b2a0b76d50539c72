"""How a search came to its rows, as plain values for the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.trial import TrialState

from harness.interventions.base import Value
from harness.modes.plan import Plan
from harness.modes.search.arm_search import ArmSearch, Tried
from harness.modes.search.space import Axis
from harness.study.search import Search

STATES: Mapping[TrialState | None, str] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    None: "running",
}


def course_of(plan: Plan, search: Search, arms: Mapping[str, ArmSearch], *, default_row: str) -> dict[str, Any]:
    """What the report needs of a search, whole or as far as it has come.

    Args:
        plan: of the study.
        search: what was asked for.
        arms: name -> its search, base first.
        default_row: the row of base as it stands in the study file.
    """
    return {
        "mode": "search",
        "trials": search.trials,
        "width": search.width,
        "startup": search.startup,
        "prune": search.prune if search.prunes else 0.0,
        "objectives": list(search.objectives),
        "replicates": list(range(plan.study.replicates)),
        "default_row": default_row,
        "done": all(arm.done for arm in arms.values()),
        "arms": [_arm(arm) for arm in arms.values()],
    }


def _arm(arm: ArmSearch) -> dict[str, Any]:
    best = arm.winner
    return {
        "name": arm.name,
        "parameters": [_axis(axis) for axis in arm.space.axes],
        "left_out": [{"name": one.name, "reason": one.reason} for one in arm.space.left_out],
        "trials": [_trial(each) for each in arm.trials],
        "winner": None if best is None else best.number,
        "front": arm.proposals.front(),
        "importance": arm.proposals.importance(),
        "exhausted": arm.proposals.exhausted,
        "budget": _budget(arm),
    }


def _axis(axis: Axis) -> dict[str, Any]:
    numeric = axis.scale != "choice"
    return {
        "name": axis.name,
        "owner": axis.owner,
        "meaning": axis.meaning,
        "scale": axis.scale,
        "default": _plain(axis.first),
        "low": axis.low if numeric else None,
        "high": axis.high if numeric else None,
        "log": axis.log,
        "choices": [_plain(each) for each in axis.choices],
    }


def _trial(trial: Tried) -> dict[str, Any]:
    return {
        "number": trial.number,
        "generation": trial.generation,
        "state": STATES[trial.state],
        "setting": {name: _plain(value) for name, value in trial.point.items()},
        "values": {str(replicate): value for replicate, value in trial.values.items()},
        "mean": trial.quality,
        "seconds": trial.seconds,
        "keys": {str(replicate): run.key for replicate, run in sorted(trial.runs.items())},
        "reason": trial.reason,
    }


def _budget(arm: ArmSearch) -> dict[str, Any]:
    runs = [run for trial in arm.trials for run in trial.runs.values()]
    states = [STATES[trial.state] for trial in arm.trials]
    return {
        "trials": len(states),
        **{state: states.count(state) for state in ("complete", "pruned", "failed")},
        "runs": len(runs),
        "epochs": sum(run.epochs for run in runs),
        "seconds": sum(run.seconds for run in runs),
    }


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value
