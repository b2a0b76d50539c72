"""A table of ranks, checked: one rank per user in every run, the same users and targets in all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError, did_you_mean
from harness.results.manifest import BASE
from reports.ranks.columns import Named
from reports.ranks.values import MODES, SETS, Codes, Flags, Values

Users = Literal["same", "common"]
"""Whether all runs must rank the same users, or those are compared that all of them rank."""

MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Whom and what each row ranks, as places in lists of names."""

    arm: Codes
    seed: Codes
    user: Codes
    of_set: Codes
    mode: Codes

    @property
    def runs(self) -> Codes:
        """The same number in the rows of one arm, seed, set and mode."""
        return _joined(self.arm, self.seed, self.of_set, self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One arm with one seed.

    Attributes:
        ranks: set and mode (``served`` where retrieval is not told apart) -> ranks in the order of the users.
        seconds: wall time of the run; None where it is not known.
    """

    ranks: dict[tuple[str, str], NDArray[np.int32]]
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Every rank of a table.

    Attributes:
        runs: arm -> seed -> run; arms in the order of the table.
        seeds: number of a seed -> what the table calls it.
        users: their names, in the order of the ranks.
        known: ``history_length`` and ``popularity`` of every user, where the table has them.
        n_left_out: users that some run does not rank.
        moving_targets: users whose target differs between seeds.
    """

    runs: Mapping[str, Mapping[int, Run]]
    seeds: Mapping[int, str]
    users: tuple[str, ...]
    known: Mapping[str, NDArray[np.int64]]
    n_left_out: int
    moving_targets: int


def check(found: Named, where: str, *, baseline: str, beyond: int | None, users: Users) -> Checked:
    """The runs of a table.

    Raises:
        InputError: see the module; the text names the row, the value and the fix.
    """
    values = Values(found.table, where)
    (arm, arms), (seed, seeds), (user, names) = (values.labels(name) for name in ("arm", "seed", "user"))
    _check_arms(arms, baseline, where)
    rows = Rows(arm=arm, seed=seed, user=user, of_set=values.sets(), mode=values.modes())
    ranks = values.ranks(beyond)
    several = "write one row per arm, seed and user; a user with several targets counts as several users"
    values.refuse(_again(rows.runs, user), "a second rank", several)
    untested = np.setdiff1d(_joined(arm, seed), _joined(arm, seed)[rows.of_set == SETS.index("test")])
    values.refuse(
        np.isin(_joined(arm, seed), untested),
        "a run without ranks of the test set",
        "write those, too, or leave out the run",
    )

    _, first, of_run = np.unique(rows.runs, return_index=True, return_inverse=True)
    runs = np.stack([arm, seed, rows.of_set, rows.mode], axis=1)[first]
    everywhere = np.bincount(user, minlength=len(names)) == len(runs)
    if not everywhere.any():
        raise InputError(f"{where}: no user is ranked in every run; every run must rank the same users")
    if users == "same" and not everywhere.all():
        raise InputError(_other_users(rows, runs, of_run, (arms, seeds, names), everywhere, where))
    order = [
        place for place in sorted(range(len(names)), key=lambda place: _in_order(names[place])) if everywhere[place]
    ]
    place = np.full(len(names), -1)
    place[order] = np.arange(len(order))

    moving = _check_targets(values, rows)
    seconds = _seconds(values, rows)
    numbers = _numbered(seeds)
    built: dict[str, dict[int, Run]] = {name: {} for name in arms}
    for number, (of_arm, of_seed, of_set, mode) in enumerate(runs.tolist()):
        mine = np.flatnonzero((of_run == number) & everywhere[user])
        ranked = np.empty(len(order), dtype=np.int32)
        ranked[place[user[mine]]] = ranks[mine]
        run = built[arms[of_arm]].setdefault(numbers[of_seed], Run(ranks={}, seconds=seconds.get((of_arm, of_seed))))
        run.ranks[SETS[of_set], MODES[mode]] = ranked
    return Checked(
        runs=built,
        seeds={number: seeds[place] for place, number in sorted(numbers.items(), key=lambda each: each[1])},
        users=tuple(names[each] for each in order),
        known={
            name: _of_users(values, rows, name)[order] for name in ("history_length", "popularity") if values.has(name)
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
    """Place of a seed -> its number: its own where all are whole numbers, else from 0 in the order of their names."""
    own = [int(name) if re.fullmatch(r"-?[0-9]{1,18}", name) else None for name in names]
    if None not in own and len(set(own)) == len(own):
        return {place: number for place, number in enumerate(own) if number is not None}
    ordered = sorted(range(len(names)), key=lambda place: names[place])
    return {place: number for number, place in enumerate(ordered)}


def _in_order(name: str) -> tuple[bool, int, str]:
    """Numbers by their value and before names."""
    return not name.isdecimal(), int(name) if name.isdecimal() else 0, name


def _other_users(
    rows: Rows, runs: Codes, of_run: Codes, named: tuple[list[str], ...], everywhere: Flags, where: str
) -> str:
    arms, seeds, names = named
    sizes = np.bincount(of_run, minlength=len(runs))
    smallest = int(sizes.argmin())
    arm, seed, of_set, mode = runs[smallest].tolist()
    lacking = np.setdiff1d(np.arange(len(names)), rows.user[of_run == smallest])
    shown = ", ".join(names[place] for place in lacking[:MOST_NAMED]) + (", ..." if len(lacking) > MOST_NAMED else "")
    told = "" if MODES[mode] == "served" else f", retrieval {MODES[mode]}"
    return (
        f"{where}: runs rank different users, so they cannot be paired: arm {arms[arm]}, seed {seeds[seed]}, "
        f"{SETS[of_set]} set{told}, has {sizes[smallest]:,} of {len(names):,}, without {shown}; "
        f"{int(everywhere.sum()):,} users are in every run: compare on them with --common-users, or write the others"
    )


def _check_targets(values: Values, rows: Rows) -> int:
    """Users whose target of the test set differs between seeds.

    Raises:
        InputError: arms were tested on different targets.
    """
    if not values.has("target"):
        return 0
    target, _ = values.labels("target")
    values.refuse(
        target != _first(target, rows.seed, rows.of_set, rows.user),
        "target {} is not that of the same user and seed in a row before",
        "test every arm on the same targets",
        "target",
    )
    other = target != _first(target, rows.of_set, rows.user)
    return len(np.unique(rows.user[other & (rows.of_set == SETS.index("test"))]))


def _of_users(values: Values, rows: Rows, name: str) -> Codes:
    """What a column says of every user, from the rows of the test set, which must agree; 0 where there are none."""
    column = values.counts(name)
    tested = rows.of_set == SETS.index("test")
    values.refuse(
        tested & (column != _first(column, rows.of_set, rows.user)),
        f"{name} {{}} is not that of the same user in a row before",
        f"correct it or leave out the column {name}",
        name,
    )
    found = np.zeros(int(rows.user.max()) + 1, dtype=np.int64)
    found[rows.user[tested]] = column[tested]
    return found


def _seconds(values: Values, rows: Rows) -> dict[tuple[int, int], float]:
    """Arm and seed -> wall time, of the runs that have one."""
    if not values.has("seconds"):
        return {}
    numbers, missing = values.numbers("seconds")
    wrong = ~missing & ~(np.isfinite(numbers) & (numbers >= 0))
    values.refuse(wrong, "seconds {} is no duration", "write the wall time of the run, or nothing", "seconds")
    numbers[missing] = -1.0
    other = numbers != _first(numbers, rows.arm, rows.seed)
    repeat = "repeat the run's wall time in each of its rows"
    values.refuse(other, "seconds {} is not that of the same run in a row before", repeat, "seconds")
    times = zip(rows.arm.tolist(), rows.seed.tolist(), numbers.tolist(), strict=True)
    return {(arm, seed): second for arm, seed, second in times if second >= 0}


def _first(values: NDArray[Any], *groups: Codes) -> NDArray[Any]:
    """Of each row, the value of the first row of its group."""
    _, first, of_group = np.unique(_joined(*groups), return_index=True, return_inverse=True)
    return values[first][of_group]


def _again(*groups: Codes) -> Flags:
    """Rows of a group that has had a row."""
    _, first = np.unique(_joined(*groups), return_index=True)
    again = np.ones(len(groups[0]), dtype=bool)
    again[first] = False
    return again


def _joined(*codes: Codes) -> Codes:
    """One number for each combination."""
    joined = np.zeros(len(codes[0]), dtype=np.int64)
    for each in codes:
        _, joined = np.unique(joined * (int(each.max()) + 1) + each, return_inverse=True)
    return joined
