"""Whether an earlier end was there to be read: by other numbers of seeds, and not by a run that merely went on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.contracts.modes import Played, made_up
from harness.modes.extended import earlier_ends
from harness.modes.planning import make_plan
from harness.results.folder import StudyFolder
from harness.results.manifest import StudyManifest
from harness.results.seeds import Seeds
from harness.study.study import read_study
from harness.study.types import Overrides, Study
from tests.runner.made import MadeKeys

FILE = "name: s\ndata: ml-100k\narms: {one: kl.reverse, two: wiring.cosine}\nreplicates: "
KEYS: Any = MadeKeys()


def read(text: str, overrides: Overrides | None = None) -> Study:
    return read_study(text.encode(), Path("s.yaml"), overrides)


def left(study: Study, out: Path, n_seeds: int, seeds: Seeds | None = None, **stopped: int) -> StudyManifest:
    """The manifest of a study that has run, or has stopped after so many seeds of a row."""
    plan = make_plan(study)
    said = seeds or Seeds()
    rows = tuple(
        replace(
            row,
            keys={
                number: KEYS.record(plan.cell(row.name, plan.recipes[row.name], number))
                for number in range(stopped.get(row.name, said.set_aside.get(row.name, n_seeds)))
            },
        )
        for row in plan.rows
    )
    manifest = StudyManifest(
        name="s",
        question="",
        primary="ndcg@10",
        sesoi=0.01,
        seed=0,
        replicates=tuple(range(n_seeds)),
        budget={},
        backbone="per_seed",
        base=(),
        data={},
        rows=rows,
        seeds=said.described(),
    )
    StudyFolder(out / study.slug).write_manifest(manifest)
    return manifest


def ends(study: Study, out: Path) -> list[tuple[int, str]]:
    return list(earlier_ends(make_plan(study), KEYS.record, StudyFolder(out / study.slug)))


def test_a_first_run_and_the_same_again_had_no_earlier_end(tmp_path: Path) -> None:
    study = read(FILE + "3\n")
    assert ends(study, tmp_path) == []
    left(study, tmp_path, 3)
    assert ends(study, tmp_path) == []


def test_more_seeds_by_the_file_or_by_the_command_line_are_an_extension(tmp_path: Path) -> None:
    left(read(FILE + "3\n"), tmp_path, 3)
    assert ends(read(FILE + "5\n"), tmp_path) == [(3, "s")]
    more = read(FILE + "3\n", Overrides(replicates=5))
    assert more.slug == "s.replicates-5"
    assert ends(more, tmp_path) == [(3, "s")]
    assert ends(read(FILE + "{start: 3, most: 8}\n"), tmp_path) == [(3, "s")]


def test_every_end_of_a_study_extended_twice_is_kept(tmp_path: Path) -> None:
    left(read(FILE + "5\n"), tmp_path, 5, Seeds(earlier=((3, "s"),)))
    left(read(FILE + "5\n", Overrides(replicates=4)), tmp_path, 4)
    assert ends(read(FILE + "9\n"), tmp_path) == [(3, "s"), (4, "s.replicates-4"), (5, "s")]
    assert ends(read(FILE + "5\n"), tmp_path) == [(3, "s"), (4, "s.replicates-4")]


def test_a_run_that_was_stopped_had_no_end(tmp_path: Path) -> None:
    left(read(FILE + "4\n"), tmp_path, 4, two=3)
    assert ends(read(FILE + "8\n"), tmp_path) == []


def test_a_study_with_looks_that_goes_on_says_nothing_and_a_new_declaration_does(tmp_path: Path) -> None:
    declared = read(FILE + "{start: 3, most: 10}\n")
    for said, n_seeds in ((Seeds(start=3, most=10, set_aside={"two": 3}, ended=False), 5), (None, 0)):
        left(declared, tmp_path, n_seeds or 4, said or Seeds(start=3, most=10, set_aside={"one": 3, "two": 4}))
        assert ends(declared, tmp_path) == []
    assert ends(read(FILE + "{start: 3, most: 20}\n"), tmp_path) == [(4, "s")]
    assert ends(read(FILE + "{start: 5, most: 10}\n"), tmp_path) == [(4, "s")]
    # Without a seed more: kept, since more may come, and told only where base has more (test_seeds_said).
    assert ends(read(FILE + "4\n"), tmp_path) == [(4, "s")]
    assert ends(read(FILE + "{start: 3, most: 4}\n"), tmp_path) == [(4, "s")]


def test_a_failed_first_replicate_of_base_hides_nothing(tmp_path: Path) -> None:
    manifest = left(read(FILE + "4\n"), tmp_path, 4)
    base, *others = manifest.rows
    failed = replace(base, keys={n: key for n, key in base.keys.items() if n}, failures={0: "out of memory"})
    StudyFolder(tmp_path / "s").write_manifest(replace(manifest, rows=(failed, *others)))
    assert ends(read(FILE + "8\n"), tmp_path) == [(4, "s")]


CHOOSING = {
    "greedy": "name: s\ndata: ml-100k\nmode: greedy\narms: {one: kl.reverse, two: wiring.cosine}\n"
    "replicates: 4\ngreedy: {most: 1, gain: 0.0, confirm: %d}\n",
    "search": "name: s\ndata: ml-100k\nmode: search\narms: {one: kl.reverse, two: wiring.cosine}\n"
    "replicates: 4\nsearch: {trials: 4, width: 2, startup: 2, confirm: %d}\n",
}


def confirmed(study: Study, out: Path) -> None:
    """The manifest of a study that has run to the end of its confirmation, on made-up records."""
    played = Played(make_plan(study))
    played.play()
    numbers = tuple(played.schedule.replicates())
    rows = [
        replace(row, keys={n: played.records[row.alias_of or row.name, n].key for n in numbers})
        for row in played.schedule.rows()
    ]
    manifest = left(study, out, 3)
    StudyFolder(out / study.slug).write_manifest(replace(manifest, rows=tuple(rows), replicates=numbers))


@pytest.mark.parametrize("mode", CHOOSING)
def test_a_larger_confirmation_is_an_extension(tmp_path: Path, mode: str) -> None:
    def ends_of(study: Study) -> list[tuple[int, str]]:
        folder = StudyFolder(tmp_path / study.slug)
        return list(earlier_ends(make_plan(study), lambda cell: made_up(cell).key, folder))

    three, five = (read(CHOOSING[mode] % n) for n in (3, 5))
    assert ends_of(five) == []
    confirmed(three, tmp_path)
    assert ends_of(three) == []
    assert ends_of(five) == [(3, "s")]
    other = CHOOSING[mode].replace("kl.reverse", "wiring.scale").replace("wiring.cosine", "wiring.likelihood_teacher")
    assert ends_of(read(other % 5)) == []
    assert ends_of(read(CHOOSING[mode] % 5 + "base: [wiring.scale]\n")) == []


@pytest.mark.parametrize("n_seeds", [1, 2])
def test_ends_without_verdicts_do_not_count(tmp_path: Path, n_seeds: int) -> None:
    left(read(FILE + f"{n_seeds}\n"), tmp_path, n_seeds)
    assert ends(read(FILE + "5\n"), tmp_path) == []


def test_another_study_or_a_damaged_one_is_not_an_earlier_end(tmp_path: Path) -> None:
    other = left(read(FILE + "3\n"), tmp_path, 3)
    rows = tuple(replace(row, keys={n: f"other{key}" for n, key in row.keys.items()}) for row in other.rows)
    StudyFolder(tmp_path / "s").write_manifest(replace(other, rows=rows))
    left(replace(read(FILE + "3\n"), slug="s.epochs-2"), tmp_path, 3)
    (tmp_path / "s.replicates-4").mkdir()
    (tmp_path / "s.replicates-4" / "manifest.json").write_text("{", encoding="utf-8")
    assert ends(read(FILE + "5\n"), tmp_path) == []


def test_more_seeds_in_a_study_that_follows_are_an_extension(tmp_path: Path) -> None:
    left(read(FILE + "3\n"), tmp_path, 3)
    same = "name: s_next\ndata: ml-100k\narms: {two: wiring.cosine}\nreplicates: 8\n"
    assert ends(read(same + "follows: {study: s}\n"), tmp_path) == [(3, "s")]
    assert ends(read(same), tmp_path) == []
    other = same.replace("two: wiring.cosine", "scale: wiring.scale")
    assert ends(read(other + "follows: {study: s}\n"), tmp_path) == []
