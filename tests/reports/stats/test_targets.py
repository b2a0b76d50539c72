"""Several targets per user, against plain loops over users and targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reports
from harness.data.protocol import SPARED
from harness.errors import InputError
from harness.results.frame import Frame
from harness.results.metrics import METRICS, metric_values
from harness.results.reading import frame_of
from harness.stats.effects import anova
from reports.locale import load_catalogue
from reports.sections.ranking.build import ranking_rows
from reports.stats.analysis import analyse, user_targets
from reports.stats.crossings import crossings, moves
from reports.stats.groups import ranks_elsewhere, subgroups
from reports.stats.verdicts import MOST_TARGETS, Verdict
from tests.reports.worlds import Arm, counts, study

TWO = {"a": Arm(shift=0.5), "b": Arm(shift=-0.4), "still": Arm(touched=0.0)}
USERS, TARGETS = 120, 4


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    return reports.read_frame(study(tmp_path_factory.mktemp("targets") / "s", TWO, n_users=USERS, n_targets=TARGETS))


def targets_of(frame: Frame, name: str, number: int) -> list[list[int]]:
    """The ranks of each user's targets, oldest first."""
    return [[int(rank) for rank in row if rank] for row in frame.records[name][number].test_on]


def test_a_users_value_is_the_mean_over_the_targets(frame: Frame) -> None:
    assert frame.n_targets == TARGETS
    (values,) = frame.values("a", "ndcg@10", replicates=[1])
    for user, ranks in enumerate(targets_of(frame, "a", 1)):
        assert len(ranks) == counts(USERS, TARGETS)[user]
        gains = [1 / np.log2(rank + 1) if rank <= 10 else 0.0 for rank in ranks]
        assert values[user] == pytest.approx(sum(gains) / len(gains))


def test_the_last_target_alone_is_a_study_with_one_target(frame: Frame) -> None:
    last = frame.last()
    assert (last.n_targets, last.n_users) == (1, USERS)
    assert last.ranks("b", "test", "served", [0])[0].tolist() == [each[-1] for each in targets_of(frame, "b", 0)]
    assert last.ranks("b", "valid", "on").shape == (3, USERS)
    assert last.users is not None
    assert last.users.history_length is not None
    assert last.users.history_length.shape == (USERS,)
    assert last.last() is last
    assert last.deltas("ndcg@10")["a"].values.shape == (3, USERS)


def test_groups_are_of_targets_and_users_are_means_over_theirs(frame: Frame) -> None:
    found = subgroups(frame)
    users = frame.users
    assert found is not None
    assert users is not None
    assert users.history_length is not None
    for place, group in enumerate(found.groups):
        if group.factor != "history" or (place, "a") not in found.effects:
            continue
        differences = np.full((3, USERS), np.nan)
        n_targets = 0
        for user in range(USERS):
            inside = [
                column
                for column in range(TARGETS)
                if frame.records["a"][0].test_on[user, column]
                and group.low <= users.history_length[user, column] <= (group.high or np.inf)
            ]
            n_targets += len(inside)
            if inside:
                for number in range(3):
                    pair = [
                        metric_values(frame.records[name][number].test_on[user, inside], "ndcg@10").mean()
                        for name in ("a", "base")
                    ]
                    differences[number, user] = pair[0] - pair[1]
        seen = ~np.isnan(differences[0])
        plain = anova(differences[:, seen])
        assert (group.n_targets, group.n_users) == (n_targets, int(seen.sum()))
        assert found.effects[place, "a"].mean == pytest.approx(plain.mean)
    thirds = [group.n_targets for group in found.of("history")]
    assert sum(thirds) == counts(USERS, TARGETS).sum()
    assert max(thirds) < 2 * min(thirds)


def test_bands_of_the_backbones_rank_take_each_target_from_other_seeds(frame: Frame) -> None:
    elsewhere = ranks_elsewhere(frame)
    base = frame.records["base"]
    assert elsewhere[2][7, 3] == np.median([base[0].test_off[7, 3], base[1].test_off[7, 3]])
    assert (elsewhere[2] == 0).sum() == (base[2].test_off == 0).sum() > 0
    found = subgroups(frame)
    assert found is not None
    assert sum(group.n_targets for group in found.of("backbone")) == counts(USERS, TARGETS).sum()


def test_gained_and_lost_are_targets(frame: Frame) -> None:
    for name, crossing in crossings(frame).items():
        gained, lost = [], []
        for number in range(3):
            pairs = zip(targets_of(frame, "base", number), targets_of(frame, name, number), strict=True)
            flat = [
                (user, place, b, a)
                for user, (x, y) in enumerate(pairs)
                for place, (b, a) in enumerate(zip(x, y, strict=True))
            ]
            gained.append({each[:2] for each in flat if each[2] > 10 >= each[3]})
            lost.append({each[:2] for each in flat if each[3] > 10 >= each[2]})
        assert crossing.gained == pytest.approx(sum(map(len, gained)) / 3)
        assert crossing.lost == pytest.approx(sum(map(len, lost)) / 3)
        assert crossing.gained_always == len(set.intersection(*gained))
        assert crossing.lost_always == len(set.intersection(*lost))
        assert crossing.net == pytest.approx(crossing.gained - crossing.lost)
        assert crossing.low < crossing.net < crossing.high


def test_moved_targets_name_the_user_and_which_target(frame: Frame) -> None:
    first, *_ = moves(frame, "a", n_each=2)
    assert first.target is not None
    of_user = [targets_of(frame, "a", number)[first.user] for number in range(3)]
    assert first.after == tuple(ranks[first.target - 1] for ranks in of_user)
    best = max(
        np.mean([1 / np.log2(after + 1) - 1 / np.log2(before + 1) for before, after in zip(b, a, strict=True)])
        for user in range(USERS)
        for a, b in zip(
            zip(*(targets_of(frame, "a", n)[user] for n in range(3)), strict=True),
            zip(*(targets_of(frame, "base", n)[user] for n in range(3)), strict=True),
            strict=True,
        )
    )
    found = zip(first.before, first.after, strict=True)
    assert np.mean([1 / np.log2(after + 1) - 1 / np.log2(before + 1) for before, after in found]) == pytest.approx(best)
    assert len(moves(frame, "a", n_each=2)) == 4


def test_tables_have_a_line_per_target_and_levels_are_means_over_users(frame: Frame) -> None:
    table: Any = reports.ranks_table(frame)
    one: Any = table[(table["row"] == "b") & (table["replicate"] == 2)]
    assert len(one) == counts(USERS, TARGETS).sum()
    assert one.groupby("user")["rank"].apply(list).tolist() == targets_of(frame, "b", 2)
    assert all(each == list(range(1, len(each) + 1)) for each in one.groupby("user")["target_index"].apply(list))
    assert one["history_length"].min() >= 5
    valid: Any = reports.ranks_table(frame, "valid")
    assert set(valid["target_index"]) == {1}
    levels: Any = reports.effects_table(frame).set_index(["row", "metric", "split", "mode", "replicate"])["value"]
    for metric in METRICS:
        expected = float(frame.values("b", metric, replicates=[2]).mean())
        assert levels["b", metric, "test", "served", 2] == pytest.approx(expected)


def test_records_of_other_targets_are_refused(frame: Frame) -> None:
    good = frame.records["a"][0]
    fewer = good.test_on.copy()
    fewer[1, 0] = 0
    for bad in (
        replace(good, test_on=fewer),
        replace(good, test_on=good.test_on[:, 1:]),
        replace(good, test_on=good.test_on[:, -1]),
    ):
        records = {**frame.records, "a": {**frame.records["a"], 0: bad}}
        with pytest.raises(InputError, match=r"a, replicate 0: its ranks on the test set are for other targets"):
            frame_of(frame.manifest, records, frame.users)
    users = frame.users
    assert users is not None
    assert users.history_length is not None
    with pytest.raises(InputError, match="history_length"):
        frame_of(frame.manifest, frame.records, replace(users, history_length=users.history_length[:, 0]))


def test_with_one_target_each_nothing_changes(tmp_path: Path) -> None:
    frame = reports.read_frame(study(tmp_path / "s", TWO, n_users=USERS))
    assert frame.n_targets == 1
    assert frame.last() is frame
    found = subgroups(frame)
    assert found is not None
    assert all(group.n_targets == group.n_users for group in found.groups)
    assert set(reports.ranks_table(frame)["target_index"]) == {1}


def test_room_for_more_targets_is_what_the_protocol_spares(frame: Frame) -> None:
    found = user_targets(frame)
    users = frame.users
    assert found is not None
    assert found.room is not None
    assert users is not None
    assert users.history_length is not None
    assert found.declared == TARGETS
    assert found.counts.tolist() == counts(USERS, TARGETS).tolist()
    spare = users.history_length[:, -1] + 1 - SPARED
    assert found.room.tolist() == np.maximum(spare, found.counts).tolist()
    plain = user_targets(replace(frame, users=None))
    assert plain is not None
    assert plain.room is None
    assert plain.noise(2 * TARGETS) == pytest.approx(float((1.0 / found.counts).mean()) / 2.0)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_where_users_have_too_few_events_the_page_says_so(frame: Frame, lang: str) -> None:
    text = load_catalogue(lang)
    analysis = analyse(frame)
    for few, key in ((True, "targets_few"), (False, "targets_many")):
        open_ = Verdict(code="inconclusive", needs_targets=True, few_events=few)
        rows = ranking_rows(replace(analysis, verdicts={**analysis.verdicts, "a": open_}), 4, text)
        (note,) = (row.note for row in rows if row.name == "a")
        assert text(f"verdict.note.{key}", n=MOST_TARGETS) in note
