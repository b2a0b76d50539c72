from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from harness.data.formats.base import Columns
from harness.data.protocol import Protocol
from harness.data.sources import DataSpec
from harness.engine.types.budget import Budget
from harness.interventions import SHIPPED
from harness.interventions.kl import Reverse, Symmetric, Weight
from harness.interventions.training import Unfreeze
from harness.interventions.wiring import RetrieverAttention
from harness.modes.grid import Grid
from harness.results.evidence import Diagnostics, Level
from harness.study.study import Overrides, StudyFileError, load_study, slugify, study_schema
from harness.study.yaml_lines import parse_yaml

ROOT = Path(__file__).resolve().parents[2]
HEAD = "name: s\ndata: ml-100k\n"


def names(study) -> list[str]:
    return [row.name for row in study.rows]


def test_the_shipped_study_reads_as_the_issue_writes_it():
    study = load_study(ROOT / "studies" / "kl_direction.yaml")
    assert study.question == "Does the direction or the weight of the KL term hold the retriever back?"
    assert [(row.name, row.arm, row.stack, row.explicit) for row in study.rows] == [
        ("reverse", "reverse", (Reverse(),), (False,)),
        ("js", "js", (Symmetric(form="js"),), (True,)),
        ("weight[weight=0]", "weight", (Weight(weight=0.0),), (True,)),
        ("weight[weight=0.003]", "weight", (Weight(weight=0.003),), (True,)),
        ("weight[weight=0.01]", "weight", (Weight(weight=0.01),), (True,)),
        ("reverse+attention", "reverse+attention", (Reverse(), RetrieverAttention()), (False, False)),
        ("reverse+unfreeze", "reverse+unfreeze", (Reverse(), Unfreeze()), (False, False)),
    ]
    assert study.arms == ("reverse", "js", "weight", "reverse+attention", "reverse+unfreeze")
    assert (study.start, study.replicates) == (3, 5)
    assert (study.protocol, study.primary) == (Protocol(targets=10), "ndcg@10")
    assert study.budget == Budget(epochs=4, patience=5)


@pytest.mark.parametrize("path", sorted((ROOT / "studies").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_study_is_valid_and_points_to_the_schema(path: Path):
    study = load_study(path)
    assert study.slug == study.name == path.stem
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


def test_defaults_fill_what_the_file_leaves_out(study_from):
    study = study_from(HEAD + "arms: {}\n")
    assert (study.replicates, study.seed, study.primary, study.sesoi) == (3, 0, "ndcg@10", 0.01)
    assert (study.budget, study.backbone, study.device) == (Budget(epochs=10, patience=5), "per_seed", "auto")
    assert (study.mode, study.diagnostics, study.on_inapplicable) == (Grid(), Diagnostics(), "error")
    assert (study.base, study.rows, study.question) == ((), (), "")
    assert study.data == DataSpec(name="ml-100k", min_interactions=5)


def test_each_setting_knows_the_line_of_its_arm(study_from):
    study = study_from(HEAD + "arms:\n  a: kl.reverse\n\n  # why\n  b:\n    kl.weight:\n      weight: [0, .01]\n")
    assert [(row.arm, row.line) for row in study.rows] == [("a", 4), ("b", 7), ("b", 7)]
    assert str(study.problem("arms.b", "code", "no")).endswith("x.yaml:7: arms.b: no")
    assert str(study.problem("data", "code", "no")).endswith("x.yaml:2: data: no")


def test_lists_span_their_product_with_the_last_running_fastest(study_from):
    study = study_from(HEAD + "arms: {m: {fake.many: {weight: [0, 1], warm: true, steps: [2, 3]}}}")
    assert names(study) == [
        "m[weight=0,steps=2]",
        "m[weight=0,steps=3]",
        "m[weight=1,steps=2]",
        "m[weight=1,steps=3]",
    ]
    assert {row.stack[0].settings()["warm"] for row in study.rows} == {True}


def test_a_list_of_one_value_is_still_named(study_from):
    assert names(study_from(HEAD + "arms: {w: {kl.weight: {weight: [1e-3]}}}")) == ["w[weight=0.001]"]


def test_a_parameter_name_that_two_remedies_share_is_told_apart(study_from):
    shared = "  a: [{fake.many: {weight: [0, 1]}}, fake.other]\n"
    apart = "  b: [{fake.many: {form: [fancy, plain]}}, kl.reverse]\n"
    assert names(study_from(f"{HEAD}arms:\n{shared}{apart}")) == [
        "a[fake.many.weight=0]",
        "a[fake.many.weight=1]",
        "b[form=fancy]",
        "b[form=plain]",
    ]


def test_a_sequence_parameter_takes_a_list_and_its_grid_a_list_of_lists(study_from):
    arms = "arms:\n  one: {fake.shape: {edges: [2, 9]}}\n  two: {fake.shape: {edges: [[3], [1, 4]], heads: [1, 4]}}\n"
    study = study_from(HEAD + arms)
    assert names(study) == [
        "one",
        "two[edges=(3),heads=1]",
        "two[edges=(3),heads=4]",
        "two[edges=(1,4),heads=1]",
        "two[edges=(1,4),heads=4]",
    ]
    assert [row.stack[0].edges for row in study.rows] == [(2, 9), (3,), (3,), (1, 4), (1, 4)]


def test_base_may_hold_a_sequence_but_no_grid_of_them(study_from, mistakes_in):
    assert study_from(HEAD + "base: {fake.shape: {edges: [1, 2]}}\narms: {}").base[0].edges == (1, 2)
    assert mistakes_in(HEAD + "base: {fake.shape: {edges: [[1, 2]]}}\narms: {}") == [
        "x.yaml:3: base: fake.shape: edges is a list, but base has one setting; give one value"
    ]


def test_a_span_is_a_fraction_or_epochs_and_both_may_stand_in_a_grid(study_from):
    study = study_from(HEAD + "arms: {u: {fake.shape: {until: [1, .25, 03ep], start: never}}}")
    assert names(study) == ["u[until=1]", "u[until=0.25]", "u[until=3ep]"]
    assert [(row.stack[0].until, row.stack[0].start) for row in study.rows] == [
        (1.0, "never"),
        (0.25, "never"),
        ("3ep", "never"),
    ]


@pytest.mark.parametrize("empty", ["", "{}", "null"])
def test_a_remedy_with_empty_parameters_has_its_defaults(study_from, empty):
    (row,) = study_from(HEAD + f"arms:\n  w:\n    kl.weight: {empty}\n").rows
    assert (row.stack, row.explicit) == ((Weight(),), (False,))


@pytest.mark.parametrize("base", ["kl.reverse", "{kl.reverse: {}}", "[kl.reverse]"])
def test_base_is_a_stack_without_a_grid(study_from, base):
    assert study_from(HEAD + f"base: {base}\narms: {{}}").base == (Reverse(),)


def test_words_of_yaml_1_1_stay_words_and_plain_exponents_are_numbers(study_from):
    study = study_from("name: on\nquestion: no\ndata: ml-100k\ndiagnostics: off\nsesoi: 2e-2\narms: {off: kl.reverse}")
    assert (study.name, study.question, study.diagnostics.level, study.sesoi) == ("on", "no", Level.OFF, 0.02)
    assert study.arms == ("off",)


def test_an_alias_stands_for_what_it_names(study_from):
    study = study_from(HEAD + "arms:\n  a: &r [kl.reverse, fake.many]\nbase: &b kl.weight\n")
    assert study.arms == ("a",)
    assert study_from(HEAD + "base: [&x kl.reverse]\narms: {a: [*x, kl.weight]}").rows[0].stack[0] == Reverse()


def test_a_file_of_data_is_looked_for_beside_the_study(study_from, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine.tsv").write_text("x")
    study = study_from(
        "name: s\ndata:\n  path: d/mine.tsv\n  format: recbole\n  columns: {user: who, time: null}\n"
        "  min_interactions: 2\narms: {}\n"
    )
    assert study.data == DataSpec(
        path=tmp_path / "d" / "mine.tsv",
        format="recbole",
        columns=Columns(user="who", time=None),
        min_interactions=2,
    )


def test_a_named_set_may_keep_rare_users(study_from):
    assert study_from("name: s\ndata: {name: beauty, min_interactions: 1}\narms: {}").data.min_interactions == 1


def test_the_command_line_overrides_the_file(study_from):
    text = HEAD + "arms: {}\nreplicates: 9\nseed: 9\ndevice: cuda\nbudget: {epochs: 9, patience: 8}\n"
    study = study_from(text, Overrides(replicates=2, epochs=1, seed=4, device="cpu"))
    assert (study.replicates, study.seed, study.device) == (2, 4, "cpu")
    assert study.budget == Budget(epochs=1, patience=8)


def test_a_faulty_option_is_named_beside_the_faults_of_the_file(mistakes_in):
    assert mistakes_in(HEAD + "arms: {}\nseed: -1\n", Overrides(replicates=0, epochs=10**9, device="gpu")) == [
        "--replicates: 0 is not a whole number in [1, 1000]",
        "--epochs: 1000000000 is not a whole number in [1, 10000]",
        "--device: 'gpu' is not one of auto, cpu, cuda; did you mean cuda?",
        "x.yaml:4: seed: -1 is not a whole number in [0, 2147483647]",
    ]


def test_an_option_does_not_hide_a_fault_of_the_file(mistakes_in):
    assert mistakes_in(HEAD + "arms: {}\nreplicates: x\n", Overrides(replicates=2)) == [
        "x.yaml:4: replicates: 'x' is not a whole number in [1, 1000]"
    ]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "<b>x</b>", "Größe", "研究", "...", "/", "-", "x" * 200, "a b", "KL", "con.", ".records"],
)
def test_a_slug_is_a_harmless_file_name(name):
    slug = slugify(name)
    assert slug
    assert len(slug) <= 80
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert slug[0] not in "-_"


def test_different_names_have_different_slugs():
    names = ["kl", "KL", "Kl", "k/l", "k l", "k-l", "研究", "研", "x" * 100, "x" * 101]
    assert len({slugify(name) for name in names}) == len(names)


def test_reading_a_study_loads_no_torch():
    code = (
        "import sys; from harness.study.study import load_study, study_schema; "
        f"load_study({str(ROOT / 'studies' / 'smoke.yaml')!r}); study_schema(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_error_holds_every_problem_in_the_order_of_lines(study_from):
    with pytest.raises(StudyFileError) as caught:
        study_from("name: s\nseed: x\ndata: ml-100k\narms: {a: nope}\nsesoi: 7\n")
    assert [problem.line for problem in caught.value.problems] == [2, 4, 5]
    assert caught.value.exit_status == 2


def test_the_checkpoint_metric_follows_the_primary_unless_it_is_written(study_from, mistakes_in):
    head = HEAD + "arms: {}\n"
    assert study_from(head).checkpoint == study_from(head).primary == "ndcg@10"
    assert study_from(head + "primary: recall@20\n").checkpoint == "recall@20"
    assert study_from(head + "primary: recall@20\ncheckpoint: mrr@10\n").checkpoint == "mrr@10"
    assert mistakes_in(head + "checkpoint: null\n")


def test_values_of_the_command_line_name_the_folder_where_they_change_something(study_from):
    text = HEAD + "arms: {}\nreplicates: 3\nbudget: {epochs: 4}\ndevice: cpu\n"
    plain = study_from(text)
    changed = study_from(text, Overrides(replicates=1, epochs=2))
    assert changed.slug == f"{plain.slug}.epochs-2.replicates-1"
    assert (changed.name, changed.changed) == (plain.name, {"replicates": 1, "epochs": 2})
    assert study_from(text, Overrides(replicates=3, epochs=4, device="cpu")).slug == plain.slug
    assert study_from(text, Overrides(seed=7)).slug == f"{plain.slug}.seed-7"


def test_a_device_names_the_folder_only_where_it_means_another_one(study_from, monkeypatch):
    for auto, slug in (("cpu", "s"), ("cuda", "s.device-cpu")):
        meant = {"auto": auto, "cpu": "cpu"}
        monkeypatch.setattr("harness.study.checking.resolve_device", meant.__getitem__)
        assert study_from(HEAD + "arms: {}\n", Overrides(device="cpu")).slug == slug


def test_seeds_are_a_number_or_a_first_and_a_last_one(study_from, mistakes_in):
    text = HEAD + "arms: {a: kl.reverse, b: wiring.cosine}\n"
    fixed, looks = study_from(text + "replicates: 5\n"), study_from(text + "replicates: {start: 3, most: 10}\n")
    assert (fixed.start, fixed.replicates, fixed.n_seeds) == (None, 5, "5")
    assert (looks.start, looks.replicates, looks.n_seeds) == (3, 10, "3 to 10")
    # A number on the command line is a fixed study of its own, also where it is the file's last one.
    for number in (4, 10):
        given = study_from(text + "replicates: {start: 3, most: 10}\n", Overrides(replicates=number))
        assert (given.start, given.replicates, given.changed) == (None, number, {"replicates": number})
        assert given.slug == f"{looks.slug}.replicates-{number}"


@pytest.mark.parametrize(
    ("mode", "refused"), [("grid", False), ("factorial", True), ("search", True), ("greedy", True)]
)
def test_modes_with_replicates_of_their_own_refuse_looks(study_from, mode, refused):
    text = HEAD + f"mode: {mode}\narms: {{a: kl.reverse, b: wiring.cosine}}\nreplicates: {{start: 3, most: 10}}\n"
    fits_schema = Draft202012Validator(study_schema(SHIPPED)).is_valid(
        cast("Any", parse_yaml(text.encode(), "x.yaml").value)
    )
    assert fits_schema == (not refused)
    if not refused:
        assert study_from(text).start == 3
        return
    with pytest.raises(StudyFileError) as raised:
        study_from(text)
    assert [(each.code, each.path) for each in raised.value.problems] == [("fixed_seeds", ("replicates",))]
