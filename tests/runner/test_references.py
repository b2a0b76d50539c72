"""Reference rows of a run: scored once, kept as records, on the page, and a warning where one beats base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.api.result import StudyResult as Result
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.training import load_backbone
from harness.baselines.registry import BASELINES
from harness.data.formats.sequences import write_sequences
from harness.data.interactions import Interactions
from harness.data.planted import PlantedWorld, plant
from harness.data.sources import load
from harness.errors import InputError
from harness.modes.plan import BackboneRef
from harness.results.frame import Frame
from harness.results.metrics import Catalogue, check_metric
from harness.results.reading import read_frame, whole_frame
from harness.results.record import ranks_digest
from harness.runner.coordinator import RunOptions, StudyResult, run_study
from harness.runner.executors.base import Where
from harness.runner.forecast import forecast
from harness.runner.inputs import read_encodings
from harness.runner.references.rows import References, counted, pairs_of
from harness.runner.shared import SharedStages
from harness.study.study import load_study
from reports.locale import load_catalogue
from reports.output.files import write_report
from reports.output.terminal import answer_lines
from reports.sections.assembly import build_report
from tests.runner.conftest import Counting
from tests.runner.kept import KeptWorkers

TINY = DuoRec(batch_tokens=512, warmup_epochs=1, decay_visits=20, visits=20)

STUDY = """\
name: small
data: {path: world.txt, format: sequences, min_interactions: 1}
arms: {}
replicates: 2
budget: {epochs: 1, patience: 1}
diagnostics: off
protocol: {targets: 3, history: hide}
"""


class Scene:
    """A study on a world, and what running it said."""

    def __init__(self, folder: Path, study: str = STUDY) -> None:
        self.folder = folder
        (folder / "small.yaml").write_text(study, encoding="utf-8")

    def run(self) -> tuple[StudyResult, list[str]]:
        display = Counting()
        options = RunOptions(out=self.folder / "runs", where=Where(workers=1), data_dir=self.folder / "data")
        return run_study(load_study(self.folder / "small.yaml"), options, display, spec=TINY), display.messages

    def stages(self) -> SharedStages:
        study = load_study(self.folder / "small.yaml")
        data = load(study.data, self.folder / "data")
        return SharedStages.of(
            study, data, data_dir=self.folder / "data", folder=self.folder / "runs/.cache", spec=TINY
        )


def write_world(folder: Path) -> None:
    """A chain of items, which a count finds and twenty visits of a backbone do not."""
    world = PlantedWorld(n_users=80, n_items=60, mean_length=16.0, min_length=14, retrieval_share=0.0)
    write_sequences(plant(world).interactions, folder / "world.txt")


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, all_kept_workers: KeptWorkers
) -> Iterator[tuple[Scene, StudyResult, list[str]]]:
    folder = tmp_path_factory.mktemp("references")
    write_world(folder)
    scene = Scene(folder)
    with all_kept_workers.used():
        yield scene, *scene.run()


def test_every_row_is_a_record_under_the_study_s_protocol(ran: tuple[Scene, StudyResult, list[str]]) -> None:
    _, outcome, messages = ran
    frame = read_frame(outcome.folder)
    assert [row.name for row in frame.manifest.references] == [*BASELINES, "two backbones"]
    assert [sorted(row.keys) for row in frame.manifest.references] == [[0]] * 5
    shapes = {record.test_on.shape for cells in frame.references.values() for record in cells.values()}
    assert shapes == {frame.records["base"][0].test_on.shape} == {(80, 3)}
    for record in (cells[0] for cells in frame.references.values()):
        assert record.lists["test_on"].shape == (80, 10)
        assert record.quality("ndcg@10") == check_metric("ndcg@10").mean(record.valid_on)
    assert sum(each.startswith("reference rows, ndcg@10: Popularity") for each in messages) == 1
    assert not any(row.name in BASELINES for row in frame.manifest.rows)
    cells = {(name, number): record for name, runs in frame.records.items() for number, record in runs.items()}
    assert outcome.ranks == ranks_digest(cells), "references leave no mark in the digest"


def test_two_backbones_are_the_mean_of_their_probabilities(ran: tuple[Scene, StudyResult, list[str]]) -> None:
    scene, outcome, _ = ran
    stages = scene.stages()
    data, prefixes = stages.data, stages.prefixes
    queries = prefixes.test
    mean = np.zeros((len(queries), data.n_items))
    for replicate in (0, 1):
        files = stages.files(BackboneRef(replicate))
        items = load_backbone(DuoRec, files.backbone).model.item_matrix.detach().numpy()
        scores = np.exp((read_encodings(files)[queries] @ items[1:].T).astype(np.float64))
        for row, query in enumerate(queries):
            seen = data.sequence(int(prefixes.user[query]))[: prefixes.position[query]]
            scores[row, seen - 1] = 0.0
        mean += scores / scores.sum(axis=1, keepdims=True)
    own = mean[np.arange(len(queries)), prefixes.target[queries] - 1]
    expected = prefixes.by_user((mean >= own[:, None]).sum(axis=1), queries)
    found = read_frame(outcome.folder).references["two backbones"][0]
    close = np.abs(found.test_on - expected) <= 1  # float32 may order two items otherwise
    assert close.all()
    assert (found.test_on == expected).mean() > 0.98


def test_records_hold_what_is_recommended_and_reports_measure_it(ran: tuple[Scene, StudyResult, list[str]]) -> None:
    _, outcome, _ = ran
    frame = read_frame(outcome.folder)
    assert frame.items is not None
    for record in frame.records["base"].values():
        last = record.test_on[:, -1]
        for mode, ranks in (("test_on", last), ("test_off", record.test_off[:, -1])):
            lists = record.lists[mode]
            hit = np.array([(lists > 0)[user].sum() >= rank for user, rank in enumerate(ranks)]) & (ranks <= 10)
            labels = frame.items.label[lists]
            assert frame.users is not None
            assert frame.users.test_target is not None
            found = (labels == frame.users.test_target[:, -1:]).any(axis=1)
            np.testing.assert_array_equal(found, hit)
    catalogue = Catalogue(n_items=60, popularity=frame.items.popularity)
    lists = frame.records["base"][0].lists["test_on"]
    assert frame.overall("base", "coverage@10")[0] == len(np.unique(lists)) / catalogue.n_items


def test_popularity_counts_training_events(ran: tuple[Scene, StudyResult, list[str]]) -> None:
    scene, outcome, _ = ran
    data = scene.stages().data
    frame = read_frame(outcome.folder)
    assert frame.items is not None
    assert frame.users is not None
    assert frame.users.target_popularity is not None
    counts = Counter(item for user in range(data.n_users) for item in data.sequence(user)[:-4].tolist())
    assert frame.items.popularity.tolist() == [counts[item] for item in range(data.n_items + 1)]
    last = [counts[data.sequence(user)[-1]] for user in range(data.n_users)]
    assert frame.users.target_popularity[:, -1].tolist() == last


def references_of(scene: Scene, outcome: StudyResult, data: Interactions) -> References:
    """What a run on those data would find."""
    stages = replace(scene.stages(), data=data)
    return References(stages=stages, folder=outcome.folder, tell=print, note=print)


def test_a_record_is_that_of_the_times_that_its_row_may_have_read(
    ran: tuple[Scene, StudyResult, list[str]],
) -> None:
    """Session neighbours order events by them under either memory, and the fingerprint does not know them."""
    scene, outcome, _ = ran
    data = scene.stages().data
    known = references_of(scene, outcome, data)
    known.look_up(range(2))
    assert known.rows == outcome.folder.manifest().references
    timed = replace(data, times=np.arange(len(data.items)))
    assert timed.fingerprint() == data.fingerprint()
    others = references_of(scene, outcome, timed)
    others.look_up(range(2))
    assert others.rows == ()


@pytest.mark.parametrize("left", ["score_counts", "average"])
def test_a_run_that_is_interrupted_keeps_the_rows_that_it_did_not_reach(
    left: str, ran: tuple[Scene, StudyResult, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, outcome, _ = ran
    before = outcome.folder.manifest().references
    manifest = outcome.folder.path / "manifest.json"
    manifest.unlink()
    monkeypatch.setattr(References, left, lambda *_: False)
    again, _ = scene.run()
    assert again.interrupted
    assert again.folder.manifest().references == before
    monkeypatch.undo()
    scene.run()


def test_the_next_run_computes_nothing_and_a_lost_record_is_named(
    ran: tuple[Scene, StudyResult, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, outcome, _ = ran
    before = outcome.folder.manifest().references
    monkeypatch.setattr("harness.runner.references.rows.score", lambda *_: pytest.fail("scored again"))
    again, messages = scene.run()
    assert (again.ranks, again.folder.manifest().references) == (outcome.ranks, before)
    assert not any("reference row" in each or "averaged" in each for each in messages)

    lost = outcome.folder.references.path(before[1].keys[0])
    kept = lost.read_bytes()
    lost.unlink()
    with pytest.raises(InputError, match=r"records of .* are gone or damaged, 1 in all \(transitions, replicate 0\)"):
        whole_frame(outcome.folder)
    lost.write_bytes(kept)


def test_a_baseline_that_fails_costs_a_note(
    ran: tuple[Scene, StudyResult, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, outcome, _ = ran
    row = next(row for row in outcome.folder.manifest().references if row.name == "popularity")
    outcome.folder.references.path(row.keys[0]).unlink()

    def broken(*_: object) -> None:
        raise RuntimeError("no such count\nat all")

    monkeypatch.setattr("harness.runner.references.rows.score", broken)
    again, messages = scene.run()
    assert again.ranks == outcome.ranks
    assert "reference row 'Popularity' is left out (no such count); results are not affected" in messages
    assert "popularity" not in [row.name for row in again.folder.manifest().references]
    monkeypatch.undo()
    scene.run()
    assert outcome.folder.references.path(row.keys[0]).exists()
    assert [row.name for row in outcome.folder.manifest().references] == [*BASELINES, "two backbones"]


def findings(frame: Frame) -> dict[str, str]:
    """Code -> title of the warnings on the page."""
    found = build_report(frame, load_catalogue("en")).findings
    return {each.code: each.title for each in found if each.severity == "warning"}


def better(frame: Frame) -> Frame:
    """The same study, had base ranked every target first."""
    cells = {
        number: replace(record, test_on=np.minimum(record.test_on, 1), test_off=np.minimum(record.test_off, 1))
        for number, record in frame.records["base"].items()
    }
    return replace(frame, records={"base": cells})


def test_a_count_that_beats_base_is_a_warning_and_silent_where_none_does(
    ran: tuple[Scene, StudyResult, list[str]],
) -> None:
    _, outcome, _ = ran
    frame = read_frame(outcome.folder)
    assert findings(frame)["FTR1101"] == "A reference row beats base: A count of transitions"
    assert "FTR1101" not in findings(better(frame))


def test_python_has_them_as_a_frame(ran: tuple[Scene, StudyResult, list[str]]) -> None:
    _, outcome, _ = ran
    table = Result(outcome.folder.path).references
    assert list(table["name"]) == ["base", *BASELINES, "two backbones"]
    frame = read_frame(outcome.folder)
    assert float(table["level"].iloc[0]) == pytest.approx(frame.values("base", "ndcg@10").mean())
    assert list(table["effect"].isna()) == [True, *[False] * 5]


def test_plan_counts_them(ran: tuple[Scene, StudyResult, list[str]]) -> None:
    scene, _, _ = ran
    study = load_study(scene.folder / "small.yaml")
    rows = "reference rows: popularity, transitions, item neighbours, session neighbours"
    averaged = ", and two backbones averaged (1 pair of replicates)"
    assert counted(study, range(2)) == f"{rows}{averaged}; no cells of their own"
    assert counted(study, range(1)) == f"{rows}; no cells of their own"
    assert pairs_of(study, [0, 1, 2, 4, 5]) == [0, 1, 4]
    assert pairs_of(replace(study, backbone="shared"), range(3)) == []


@pytest.mark.parametrize(
    ("how", "pairs"),
    [
        ("replicates: 3\n", "2 pairs"),
        ("replicates: {start: 3, most: 6}\n", "at most 5 pairs"),
        ("replicates: 1\nmode: search\nsearch: {trials: 4, confirm: 5}\n", "at most 4 pairs"),
        ("replicates: 2\nmode: greedy\ngreedy: {confirm: 4}\n", "3 pairs"),
    ],
)
def test_plan_counts_the_pairs_that_a_run_averages(
    how: str, pairs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_world(tmp_path)
    study = STUDY.replace("replicates: 2\n", how).replace(
        "arms: {}", "arms: {reverse: kl.reverse, cosine: wiring.cosine}"
    )
    (tmp_path / "small.yaml").write_text(study, encoding="utf-8")
    monkeypatch.setattr("harness.runner.forecast._probed_apart", lambda _: None)
    lines = forecast(load_study(tmp_path / "small.yaml"), out=tmp_path / "runs", data_dir=tmp_path, workers=1).lines()
    assert [line.partition("averaged ")[2] for line in lines if line.startswith("reference rows")] == [
        f"({pairs} of replicates); no cells of their own"
    ]


@pytest.mark.slow
def test_the_page_and_the_terminal_say_that_a_reference_beats_base_and_nothing_where_none_does(tmp_path: Path) -> None:
    """Two worlds on the usual protocol: a chain that counts find, and items drawn at random."""
    protocol = STUDY.replace("{targets: 3, history: hide}", "{}")
    (tmp_path / "chain").mkdir()
    write_world(tmp_path / "chain")
    chain, _ = Scene(tmp_path / "chain", protocol).run()
    page = write_report(chain.folder).read_text(encoding="utf-8")
    said = "A reference row beats base: A count of transitions"
    assert said in page.partition('id="ranking"')[0], "on the first screen"
    assert 'id="references-table"' in page
    assert said in " ".join(answer_lines(chain.folder.path / "report.json"))

    (tmp_path / "random").mkdir()
    rng = np.random.default_rng(0)
    lines = [" ".join(map(str, [f"u{user}", *(rng.permutation(60)[:16] + 1)])) for user in range(80)]
    (tmp_path / "random/world.txt").write_text("\n".join(lines), encoding="utf-8")
    # No user meets an item twice there, so a base that may recommend the history is worse than rows that do not.
    silent, _ = Scene(tmp_path / "random", STUDY.replace("{targets: 3, history: hide}", "{history: hide}")).run()
    assert len(silent.folder.manifest().references) == 5
    assert "beats base: " not in write_report(silent.folder).read_text(encoding="utf-8")
