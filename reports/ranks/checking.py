"""Checks of a table of ranks: one rank per target in every run, with the same users and targets in all runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError, did_you_mean
from harness.results.manifest import BASE
from reports.ranks.columns import Named
from reports.ranks.layout import Layout, Rows, again, first_of, in_every_run, joined, layout_of, target_keys
from reports.ranks.values import MODES, SETS, Codes, Flags, Values

Users = Literal["same", "common"]
"""``same``: all runs must rank the same users; ``common``: compare on the users that every run ranks."""

MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One arm with one seed.

    Attributes:
        ranks: set and mode (``served`` if the table has no retrieval column) -> ranks in the order of the users, in
            the shape used in a study's records.
        seconds: wall time of the run; None if unknown.
    """

    ranks: dict[tuple[str, str], NDArray[np.int32]]
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The checked ranks of a table.

    Attributes:
        runs: arm -> seed -> run; arms in the order of the table.
        seeds: number of a seed -> its name in the table.
        users: names of the users, in the order of the ranks.
        known: ``history_length`` and ``popularity`` of every target of the test set, if the table has them.
        n_left_out: users that are not in every run.
        moving_targets: users with a target that differs between seeds.
    """

    runs: Mapping[str, Mapping[int, Run]]
    seeds: Mapping[int, str]
    users: tuple[str, ...]
    known: Mapping[str, NDArray[np.int64]]
    n_left_out: int
    moving_targets: int


def check(found: Named, where: str, *, baseline: str, beyond: int | None, users: Users) -> Checked:
    """Return the checked runs of a table.

    Raises:
        InputError: a condition of the module fails; the text names the row, the value and the fix.
    """
    values = Values(found.table, where)
    (arm, arms), (seed, seeds), (user, names) = (values.labels(name) for name in ("arm", "seed", "user"))
    _check_arms(arms, baseline, where)
    rows = Rows(arm=arm, seed=seed, user=user, of_set=values.sets(), mode=values.modes(), key=np.zeros_like(user))
    ranks = values.ranks(beyond)
    if again(rows.runs, user).any():
        rows = replace(rows, key=target_keys(values, rows))
    untested = np.setdiff1d(joined(arm, seed), joined(arm, seed)[rows.of_set == SETS.index("test")])
    values.refuse(
        np.isin(joined(arm, seed), untested),
        "a run without ranks of the test set",
        "write those, too, or leave out the run",
    )

    _, first, of_run = np.unique(rows.runs, return_index=True, return_inverse=True)
    runs = np.stack([arm, seed, rows.of_set, rows.mode], axis=1)[first]
    lines = in_every_run(rows)
    everywhere = np.ones(len(names), dtype=bool)
    for of_set in np.unique(rows.of_set):
        inside = rows.of_set == of_set
        everywhere &= np.bincount(user[inside & lines], minlength=len(names)) > 0
        if users == "same":
            everywhere &= np.bincount(user[inside & ~lines], minlength=len(names)) == 0
    if not everywhere.any():
        raise InputError(f"{where}: no user is ranked in every run; every run must rank the same users")
    if users == "same" and not everywhere.all():
        raise InputError(_other_users(rows, runs, of_run, (arms, seeds, names), everywhere, where))
    order = [
        place for place in sorted(range(len(names)), key=lambda place: _in_order(names[place])) if everywhere[place]
    ]
    layouts = {
        of_set: layout_of(rows, of_set, lines & everywhere[user], order) for of_set in np.unique(rows.of_set).tolist()
    }

    moving = _check_targets(values, rows)
    seconds = _seconds(values, rows)
    numbers = _numbered(seeds)
    built: dict[str, dict[int, Run]] = {name: {} for name in arms}
    for number, (of_arm, of_seed, of_set, mode) in enumerate(runs.tolist()):
        mine = np.flatnonzero((of_run == number) & lines & everywhere[user])
        run = built[arms[of_arm]].setdefault(numbers[of_seed], Run(ranks={}, seconds=seconds.get((of_arm, of_seed))))
        run.ranks[SETS[of_set], MODES[mode]] = layouts[of_set].filled(ranks, mine)
    return Checked(
        runs=built,
        seeds={number: seeds[place] for place, number in sorted(numbers.items(), key=lambda each: each[1])},
        users=tuple(names[each] for each in order),
        known={
            name: _of_targets(values, rows, name, layouts[SETS.index("test")], lines & everywhere[user])
            for name in ("history_length", "popularity")
            if values.has(name)
        },
        n_left_out=len(names) - len(order),
        moving_targets=moving,
    )


def _check_arms(arms: Sequence[str], baseline: str, where: str) -> None:
    if baseline not in arms:
        raise InputError(
            f"{where} has no arm {baseline!r}{did_you_mean(baseline, arms)}; its arms are {', '.join(arms)}"
        )
    if len(arms) == 1:
        raise InputError(f"{where} has one arm, {baseline}; add the rows of those to compare with it")
    if BASE in arms and baseline != BASE:
        raise InputError(
            f"{where} has an arm named base, which is the page's word for the baseline; use --baseline base, "
            "or give that arm another name"
        )


def _numbered(names: Sequence[str]) -> dict[int, int]:
    """Index of a seed -> its number: its own if all seeds are distinct whole numbers, else from 0 in order of names."""
    own = [int(name) if re.fullmatch(r"-?[0-9]{1,18}", name) else None for name in names]
    if None not in own and len(set(own)) == len(own):
        return {place: number for place, number in enumerate(own) if number is not None}
    ordered = sorted(range(len(names)), key=lambda place: names[place])
    return {place: number for number, place in enumerate(ordered)}


def _in_order(name: str) -> tuple[bool, int, str]:
    """Sort key: numbers by value, before names."""
    return not name.isdecimal(), int(name) if name.isdecimal() else 0, name


def _other_users(
    rows: Rows, runs: Codes, of_run: Codes, named: tuple[list[str], ...], everywhere: Flags, where: str
) -> str:
    arms, seeds, names = named
    _, whose = np.unique(joined(of_run, rows.user), return_index=True)
    sizes = np.bincount(of_run[whose], minlength=len(runs))
    smallest = int(sizes.argmin())
    arm, seed, of_set, mode = runs[smallest].tolist()
    if sizes[smallest] == len(names):
        name = names[int(np.flatnonzero(~everywhere)[0])]
        return (
            f"{where}: runs rank different targets of user {name}, so they cannot be paired; {int(everywhere.sum()):,} "
            "users have the same targets in every run: compare on common ones with --common-users, or write the others"
        )
    lacking = np.setdiff1d(np.arange(len(names)), rows.user[of_run == smallest])
    shown = ", ".join(names[place] for place in lacking[:MOST_NAMED]) + (", ..." if len(lacking) > MOST_NAMED else "")
    told = "" if MODES[mode] == "served" else f", retrieval {MODES[mode]}"
    return (
        f"{where}: runs rank different users, so they cannot be paired: arm {arms[arm]}, seed {seeds[seed]}, "
        f"{SETS[of_set]} set{told}, has {sizes[smallest]:,} of {len(names):,}, without {shown}; "
        f"{int(everywhere.sum()):,} users are in every run: compare on them with --common-users, or write the others"
    )


def _check_targets(values: Values, rows: Rows) -> int:
    """Number of users whose test target differs between seeds.

    Raises:
        InputError: arms were tested on different targets.
    """
    if not values.has("target"):
        return 0
    target, _ = values.labels("target")
    values.refuse(
        target != first_of(target, rows.seed, rows.of_set, rows.user, rows.key),
        "target {} is not that of the same user and seed in a row before",
        "test every arm on the same targets",
        "target",
    )
    other = target != first_of(target, rows.of_set, rows.user, rows.key)
    return len(np.unique(rows.user[other & (rows.of_set == SETS.index("test"))]))


def _of_targets(values: Values, rows: Rows, name: str, layout: Layout, kept: Flags) -> Codes:
    """A column's value for every target, from the rows of the test set, which must agree."""
    column = values.counts(name)
    tested = rows.of_set == SETS.index("test")
    values.refuse(
        tested & (column != first_of(column, rows.of_set, rows.user, rows.key)),
        f"{name} {{}} is not that of the same user in a row before",
        f"correct it or leave out the column {name}",
        name,
    )
    return layout.filled(column, np.flatnonzero(tested & kept))


def _seconds(values: Values, rows: Rows) -> dict[tuple[int, int], float]:
    """Arm and seed -> wall time, for runs that have one."""
    if not values.has("seconds"):
        return {}
    numbers, missing = values.numbers("seconds")
    wrong = ~missing & ~(np.isfinite(numbers) & (numbers >= 0))
    values.refuse(wrong, "seconds {} is no duration", "write the wall time of the run, or nothing", "seconds")
    numbers[missing] = -1.0
    other = numbers != first_of(numbers, rows.arm, rows.seed)
    repeat = "repeat the run's wall time in each of its rows"
    values.refuse(other, "seconds {} is not that of the same run in a row before", repeat, "seconds")
    times = zip(rows.arm.tolist(), rows.seed.tolist(), numbers.tolist(), strict=True)
    return {(arm, seed): second for arm, seed, second in times if second >= 0}
