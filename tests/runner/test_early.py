"""What the data alone tells is said before a backbone trains, at its line of the study file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.backbones.registry import DEFAULT
from harness.data.sources import load
from harness.interventions.base import Intervention, parameter
from harness.modes.plan import Plan
from harness.modes.planning import make_plan
from harness.recipe.recipe import Recipe
from harness.recipe.seams.retrieval.admission import LongerThan
from harness.runner.early import check_data, check_here, read_data
from harness.runner.forecast import forecast
from harness.study.mistakes import Problem, StudyFileError
from harness.study.study import load_study
from harness.study.types import Overrides

HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"


def study(folder: Path, lengths: list[int], arms: str = "{reverse: kl.reverse}", more: str = "") -> Path:
    """A study on users with so many events each; its data on line 2, its arms from line 3."""
    rows = (f"u{user}\ti{(user + step) % 5}\t{step}\n" for user, n in enumerate(lengths) for step in range(n))
    (folder / "log.inter").write_text(HEADER + "".join(rows), encoding="utf-8")
    path = folder / "s.yaml"
    path.write_text(f"name: s\ndata: {{path: log.inter, min_interactions: 1}}\narms: {arms}\n{more}", encoding="utf-8")
    return path


def checked(path: Path, **how: Any) -> Plan:
    read = load_study(path)
    return check_data(make_plan(read), load(read.data, path.parent / "data"), **how)


def the_fault(path: Path, **how: Any) -> Problem:
    with pytest.raises(StudyFileError) as caught:
        checked(path, **how)
    (problem,) = caught.value.problems
    return problem


def place(problem: Problem) -> tuple[str, int, tuple[str | int, ...]]:
    return problem.code, problem.line, problem.path


def test_users_too_short_for_the_split_are_counted_at_the_line_of_the_data(tmp_path: Path) -> None:
    fault = the_fault(study(tmp_path, [3] * 8))
    assert place(fault) == ("no_training_target", 2, ("data",))
    assert "0 of 8 users have 4 events or more" in fault.message


def test_one_user_long_enough_is_no_fault_of_the_split(tmp_path: Path) -> None:
    checked(study(tmp_path, [3] * 8 + [4], more="base: scope.quality\n"))


def test_a_base_whose_memory_admits_nothing_names_rule_counts_and_remedies(tmp_path: Path) -> None:
    fault = the_fault(study(tmp_path, [7] * 4 + [8]))
    assert place(fault) == ("empty_memory", 2, ("data",))
    assert "none of 21 training prefixes is longer than 5 items" in fault.message
    assert "0 of 5 users" in fault.message
    assert "scope.quality or scope.stratified" in fault.message


def test_the_counts_are_exact_at_the_border(tmp_path: Path) -> None:
    assert "a user needs 9 events or more" in the_fault(study(tmp_path, [8] * 4)).message
    checked(study(tmp_path, [8] * 4 + [9]))


@pytest.mark.parametrize(("targets", "valid_targets"), [(1, 1), (10, 1), (3, 2), (10, 10)])
def test_the_counts_are_those_of_the_protocol(tmp_path: Path, targets: int, valid_targets: int) -> None:
    needed = next(n for n in range(99) if n - 1 - sum(held_out(n, targets, valid_targets)) > 12)

    def check(lengths: list[int]) -> None:
        more = f"protocol: {{targets: {targets}, valid_targets: {valid_targets}}}\n"
        read = load_study(study(tmp_path, lengths, more=more))
        plan = make_plan(read)
        recipes = {
            name: dataclasses.replace(each, admission=LongerThan(length=12)) for name, each in plan.recipes.items()
        }
        check_data(dataclasses.replace(plan, recipes=recipes), load(read.data, tmp_path / "data"))

    with pytest.raises(StudyFileError) as caught:
        check([needed - 1] * 4 + [9])
    assert f"a user needs {needed} events or more, and 0 of 5 users" in caught.value.problems[0].message
    check([needed - 1] * 4 + [needed])


def held_out(n: int, targets: int, valid_targets: int) -> tuple[int, int]:
    n_test = max(1, min(targets, n - 10))
    return n_test, max(1, min(valid_targets, n - n_test - 10))


def test_a_fault_of_the_base_stack_is_at_its_line(tmp_path: Path) -> None:
    fault = the_fault(study(tmp_path, [9] * 4, more="base: {index.sources: {stream: 0.5}}\n"))
    assert place(fault) == ("empty_memory", 4, ("base",))


def test_an_arm_whose_memory_admits_nothing_is_at_its_line_once(tmp_path: Path) -> None:
    arms = "\n  fine: kl.reverse\n  late: {index.sources: {stream: [0.5, 0.6]}}"
    fault = the_fault(study(tmp_path, [9] * 4, arms))
    assert place(fault) == ("empty_memory", 5, ("arms", "late"))
    assert "stream=0.5" in fault.message


def test_with_skip_such_an_arm_is_a_row_with_its_reason(tmp_path: Path) -> None:
    arms = "\n  fine: kl.reverse\n  late: {index.sources: {stream: 0.5}}"
    plan = checked(study(tmp_path, [9] * 4, arms, "on_inapplicable: skip\n"))
    rows = {row.name: row for row in plan.rows}
    assert rows["late"].status == "inapplicable"
    assert "the memory is empty" in rows["late"].reason
    assert {cell.row for cell in plan.cells()} == {"base", "a/a", "fine"}


def test_with_skip_a_search_leaves_such_an_arm_out(tmp_path: Path) -> None:
    arms = "\n  weight: kl.weight\n  late: {index.sources: {stream: 0.5}}"
    plan = checked(study(tmp_path, [9] * 4, arms, "on_inapplicable: skip\nmode: search\n"))
    assert plan.spaces.keys() == {"base", "weight"}
    assert not any("late sets" in note for note in plan.notes)


@pytest.mark.parametrize("mode", ["factorial", "greedy"])
def test_modes_that_combine_arms_refuse_it(tmp_path: Path, mode: str) -> None:
    arms = "\n  fine: kl.reverse\n  late: {index.sources: {stream: 0.5}}"
    fault = the_fault(study(tmp_path, [9] * 4, arms, f"on_inapplicable: skip\nmode: {mode}\n"))
    assert place(fault) == ("empty_memory", 5, ("arms", "late"))


def test_skip_does_not_excuse_base(tmp_path: Path) -> None:
    assert place(the_fault(study(tmp_path, [7] * 4, more="on_inapplicable: skip\n")))[2] == ("data",)


def test_heads_that_do_not_divide_the_backbone_are_told_before_it_trains(tmp_path: Path) -> None:
    arms = "\n  heads: {fusion.attention: {heads: 4}}"
    narrow = dataclasses.replace(DEFAULT, hidden_size=50, n_heads=2)  # type: ignore[type-var]
    assert place(the_fault(study(tmp_path, [9] * 4, arms), spec=narrow))[2] == ("arms", "heads")
    checked(study(tmp_path, [9] * 4, arms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Strict:
    """An admission rule of a plug-in."""

    broken: bool

    def admitted(self, entries: Any, inputs: Any) -> Any:
        if self.broken:
            raise RuntimeError("broken")
        return inputs.encodings[entries].sum(axis=1) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Own(Intervention):
    """Admit by a rule of its own."""

    id: ClassVar[str] = "own.rule"
    title = "Own"
    title_zh = "自有"
    why = "None."
    observable = "None."
    broken: bool = parameter(False, "whether it fails")

    def apply(self, recipe: Recipe) -> Recipe:
        return dataclasses.replace(recipe, admission=Strict(broken=self.broken))


@pytest.mark.parametrize("broken", ["true", "false"])
def test_a_rule_that_needs_the_backbone_is_left_to_the_run(tmp_path: Path, broken: str) -> None:
    path = study(tmp_path, [9] * 4, f"\n  own: {{own.rule: {{broken: {broken}}}}}")
    read = load_study(path, catalogue=[Own])
    assert len(check_data(make_plan(read), load(read.data, tmp_path / "data")).rows) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER.replace("item_id", "movie") + "u1\ti1\t1\n", "no column has a usual name for the item"),
        (HEADER + "u1\ti1\t1\n", "nothing remains of 1 users"),
        ("", "is empty"),
    ],
)
def test_validate_plan_and_run_say_the_same_of_a_faulty_file(tmp_path: Path, content: str, said: str) -> None:
    path = study(tmp_path, [9] * 4)
    (tmp_path / "log.inter").write_text(content, encoding="utf-8")
    read, data_dir = load_study(path), tmp_path / "data"
    told: list[Problem] = []
    for look in (
        lambda: check_here(make_plan(read), data_dir),
        lambda: forecast(read, out=tmp_path / "runs", data_dir=data_dir, workers=1),
        lambda: read_data(read, data_dir),
    ):
        with pytest.raises(StudyFileError) as caught:
            look()
        told += caught.value.problems
    assert {place(each) for each in told} == {("data", 2, ("data",))}
    assert all(said in each.message for each in told)
    assert not (tmp_path / "runs").exists()


def test_validate_fetches_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("fetched")

    monkeypatch.setattr("harness.data.sources.get", refuse)
    path = tmp_path / "s.yaml"
    path.write_text("name: s\ndata: ml-100k\narms: {reverse: kl.reverse}\n", encoding="utf-8")
    unchecked = check_here(make_plan(load_study(path)), tmp_path / "data")
    assert "ftr-study data get ml-100k" in unchecked


@pytest.mark.parametrize(
    ("span", "epochs", "refused"),
    [("9ep", 5, True), ("5ep", 5, False), ("0.9", 5, False)],
)
def test_a_span_longer_than_the_budget_is_refused(tmp_path: Path, span: str, epochs: int, *, refused: bool) -> None:
    path = study(tmp_path, [9] * 4, f"\n  soon: {{loss.ramp: {{until: {span}}}}}", f"budget: {{epochs: {epochs}}}\n")
    if not refused:
        make_plan(load_study(path))
        return
    with pytest.raises(StudyFileError) as caught:
        make_plan(load_study(path))
    assert [place(each) for each in caught.value.problems] == [("beyond_budget", 4, ("arms", "soon"))]


def test_the_fix_of_a_span_names_the_option_that_set_the_budget(tmp_path: Path) -> None:
    path = study(tmp_path, [9] * 4, "\n  soon: {loss.ramp: {until: 9ep}}", "budget: {epochs: 5}\n")
    for given, fix in ((Overrides(), "or raise  budget: {epochs: …}"), (Overrides(epochs=4), "or raise  --epochs")):
        with pytest.raises(StudyFileError) as caught:
            make_plan(load_study(path, given))
        (problem,) = caught.value.problems
        assert problem.message.endswith(fix)


def test_a_default_span_is_no_mistake_of_who_wrote_the_study(tmp_path: Path) -> None:
    make_plan(load_study(study(tmp_path, [9] * 4, "\n  often: index.refresh", "budget: {epochs: 2}\n")))


def test_a_span_of_base_is_at_its_line(tmp_path: Path) -> None:
    path = study(tmp_path, [9] * 4, more="base: {loss.ramp: {until: 30ep}}\n")
    with pytest.raises(StudyFileError) as caught:
        make_plan(load_study(path))
    assert [place(each) for each in caught.value.problems] == [("beyond_budget", 4, ("base",))]


def test_a_memory_of_the_past_needs_timestamps(tmp_path: Path) -> None:
    timed = study(tmp_path, [9] * 4, more="protocol: {memory: past}\n")
    checked(timed)
    text = timed.read_text(encoding="utf-8")
    timed.write_text(text.replace("min_interactions: 1", "min_interactions: 1, columns: {time: null}"), "utf-8")
    fault = the_fault(timed)
    assert place(fault) == ("no_timestamps", 4, ("protocol", "memory"))
    assert "memory: any" in fault.message
    timed.write_text(timed.read_text(encoding="utf-8").replace("past", "any"), encoding="utf-8")
    checked(timed)
