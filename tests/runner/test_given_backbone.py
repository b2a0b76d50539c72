"""A backbone that a file brings: fine-tuned by all replicates, named in the report, refused where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.backbones.base import Backbone, TrainedBackbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.tensor_file import write_tensors
from harness.backbones.training import BACKBONE_FORMAT, load_backbone, save_backbone, train_backbone
from harness.data.protocol import Protocol
from harness.data.sources import DataSpec, load
from harness.errors import InputError
from harness.imports import backbone_file
from harness.imports.backbone_file import BackboneFile, read_backbone_file
from harness.modes.plan import BackboneRef
from harness.runner.forecast import forecast
from harness.runner.shared import SharedStages
from harness.study.study import StudyFileError, load_study
from reports.output.files import write_report
from tests.backbones.plainly import rough_model
from tests.runner.conftest import Bench
from tests.runner.test_arm_backbones import OTHER

SPEC = DuoRec(hidden_size=12, n_layers=1, n_heads=3, inner_size=20, max_length=8, stride=4)
END = "diagnostics: off\nbackbone: {checkpoint: given.safetensors}\n"


def give(bench: Bench, *, seed: int = 0, fingerprint: str | None = None, spec: Backbone = SPEC, **more: str) -> Path:
    """A backbone of an uncommon shape, for the bench's world."""
    world = DataSpec(path=bench.folder / "world.txt", format="sequences", min_interactions=1)
    data = load(world, bench.folder / "data")
    path = bench.folder / "given.safetensors"
    backbone = TrainedBackbone(
        model=rough_model(data.n_items, spec, seed) if isinstance(spec, DuoRec) else spec.build(data.n_items),
        spec=spec,
        key="0" * 20,
        chosen_epoch=7,
        history=(),
        seconds=0.0,
        provenance={
            "origin": "RecBole",
            "architecture": "DuoRec",
            "epoch": "7",
            "source": "<b>model</b>.pth",
            "source_sha256": "00ff",
            "fingerprint": fingerprint or data.fingerprint(),
            **more,
        },
    )
    save_backbone(backbone, path)
    return path


def test_the_format_is_the_checkpoints_own():
    assert backbone_file.FORMAT == BACKBONE_FORMAT


def test_all_replicates_fine_tune_the_given_backbone(bench):
    given = give(bench)
    outcome, display = bench.run(end=END)
    assert (outcome.n_run, outcome.n_failed) == (8, 0)
    assert not any("epoch" in message for message in display.messages)  # nothing was trained
    manifest = outcome.folder.manifest()
    records = outcome.folder.load_records(manifest)
    backbones = {record.provenance["backbone"] for row in records.values() for record in row.values()}
    (kept,) = (bench.folder / "runs" / ".cache" / "backbones").glob("*.safetensors")
    assert backbones == {kept.stem}
    ours, theirs = load_backbone(DuoRec, kept), load_backbone(DuoRec, given)
    assert all(torch.equal(value, theirs.model.state_dict()[name]) for name, value in ours.model.state_dict().items())
    assert (manifest.backbone, manifest.backbone_recipe) == ("file", {})
    assert manifest.provenance["backbones"] == {}
    assert manifest.backbone_file["checksum"] == read_backbone_file(given, "").checksum
    page = write_report(outcome.folder).read_text(encoding="utf-8")
    assert "share one backbone file: given.safetensors" in page
    assert "imported from &lt;b&gt;model&lt;/b&gt;.pth of RecBole, SHA-256 00ff: DuoRec, epoch 7" in page
    assert "<b>model</b>" not in page
    chinese = write_report(outcome.folder, lang="zh").read_text(encoding="utf-8")
    assert "共用一个骨干模型文件" in chinese


@pytest.mark.slow
def test_a_file_of_another_model_and_an_arm_on_a_third_are_named(bench):
    give(bench, spec=GRU4Rec(max_length=8, stride=4), architecture="GRU4Rec")
    outcome, _ = bench.run(end=END, more=f"other: {OTHER}\n", replicates=1)
    assert outcome.n_failed == 0
    assert outcome.folder.manifest().backbone_recipe == {"model": "gru4rec(max_length=8, stride=4)"}
    page = " ".join(write_report(outcome.folder).read_text(encoding="utf-8").replace("&#39;", "'").split())
    assert "Base's backbone is gru4rec(max_length=8, stride=4)" in page
    assert "Base and the arms on base's backbone share one backbone file: given.safetensors" in page
    assert "sasrec(decay_visits=20, visits=30, batch_tokens=256) in other." in page


@pytest.mark.slow
def test_another_content_makes_other_cells_and_the_same_none(bench):
    given = give(bench)
    first, _ = bench.run(end=END, replicates=1)
    give(bench)  # written again, in another order of its header
    again, _ = bench.run(end=END, replicates=1)
    assert (again.n_run, again.n_reused) == (0, first.n_run)
    give(bench, seed=1)
    other, _ = bench.run(end=END, replicates=1)
    assert (other.n_run, other.n_reused) == (first.n_run, 0)
    given.rename(bench.folder / "moved.safetensors")
    moved, _ = bench.run(end=END.replace("given", "moved"), replicates=1)
    assert moved.n_reused == first.n_run


@pytest.mark.slow
def test_a_damaged_copy_is_set_aside_and_made_again(bench, caplog):
    give(bench)
    bench.run(end=END, replicates=1)
    (kept,) = (bench.folder / "runs" / ".cache" / "backbones").glob("*.safetensors")
    kept_before = read_backbone_file(kept, "").checksum
    _flipped(kept)
    outcome, _ = bench.run(end=END, replicates=2)
    assert outcome.n_failed == 0
    assert read_backbone_file(kept, "").checksum == kept_before
    assert kept.with_name(f"{kept.name}.damaged").exists()
    assert "set aside" in caplog.text


def test_nothing_is_to_be_trained_in_the_forecast(bench):
    give(bench)
    study = load_study(bench.write(end=END))
    said = forecast(study, out=bench.folder / "runs", data_dir=bench.folder / "data", workers=1)
    assert said.backbones == []


def test_a_backbone_for_other_data_is_refused_with_its_line(bench):
    give(bench, fingerprint="0123456789abcdef")
    with pytest.raises(
        StudyFileError, match=r"small\.yaml:10: backbone: given\.safetensors belongs to other data \(60 items"
    ):
        bench.run(end=END)


def test_a_file_that_changes_while_the_study_runs_fails_its_cells_with_the_reason(bench):
    given = give(bench)
    study = load_study(bench.write(end=END))
    assert isinstance(study.backbone, BackboneFile)
    data = load(study.data, bench.folder / "data")
    stages = SharedStages.of(study, data, data_dir=bench.folder / "data", folder=bench.folder / "cache")
    give(bench, seed=1)
    with pytest.raises(InputError, match=f"{given} changed while the study ran"):
        stages.build(BackboneRef(0), lambda *_: None, lambda _: None)


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


WRONG = {
    "no file": (lambda path: path.unlink(), "does not exist; a relative path starts at the study file's folder"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    "a flipped bit": (_flipped, "is damaged"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-4]), "is damaged"),
    "cut in the header": (lambda path: path.write_bytes(path.read_bytes()[:100]), "no safetensors file"),
    "RecBole's own": (
        lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99)),
        "first goes through ftr-study import-ch",
    ),
    "another kind": (lambda path: write_tensors(path, {"x": torch.ones(2)}, {}, kind="other"), "no backbone of this"),
    "tensors too few": (
        lambda path: write_tensors(
            path, {"x": torch.ones(2)}, {"spec": _spec_of(path), "n_items": 60}, kind=BACKBONE_FORMAT
        ),
        "other tensors than its description",
    ),
    "another version": (
        lambda path: write_tensors(path, {"x": torch.ones(2)}, {"spec": {"width": 3}}, kind=BACKBONE_FORMAT),
        "another version",
    ),
    "a nest of brackets": (
        lambda path: path.write_bytes((50_000).to_bytes(8, "little") + b'{"a":' + b"[" * 49_995),
        "is damaged",
    ),
}


def _spec_of(path: Path) -> dict[str, object]:
    return load_backbone(DuoRec, path).spec.described()


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_no_backbone_is_refused_with_its_line(bench, wrong):
    change, message = WRONG[wrong]
    change(give(bench))
    with pytest.raises(StudyFileError, match=f"(?s)small\\.yaml:10: backbone\\.checkpoint: .*{message}") as refused:
        load_study(bench.write(end=END))
    assert refused.value.exit_status == 2


def test_a_name_that_no_file_can_have_is_refused(bench):
    for name in ("x" * 3000, "~nobody-at-all/x"):
        with pytest.raises(StudyFileError, match=r"small\.yaml:10: backbone\.checkpoint: "):
            load_study(bench.write(end=f"diagnostics: off\nbackbone: {{checkpoint: {name}}}\n"))


@pytest.mark.parametrize(
    ("trained", "protocol", "refused"),
    [
        (None, "{}", False),
        (None, "{history: hide, memory: any, at_test: train+valid}", False),
        (None, "{targets: 3}", True),
        (None, "{valid_targets: 2}", True),
        ("3 1 rank", "{targets: 3, history: hide}", False),
        ("3 1 rank", "{targets: 2}", True),
        ("3 1 rank", "{}", True),
    ],
)
def test_a_backbone_that_may_have_learnt_test_targets_is_refused(bench, trained, protocol: str, refused: bool):
    more = {} if trained is None else {"protocol": trained}
    give(bench, **more)
    study = load_study(bench.write(end=f"{END}protocol: {protocol}\n"))
    data = load(study.data, bench.folder / "data")

    def stages() -> SharedStages:
        return SharedStages.of(study, data, data_dir=bench.folder / "data", folder=bench.folder)

    if not refused:
        stages()
        return
    with pytest.raises(StudyFileError) as caught:
        stages()
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("saw_test_targets", ("backbone",))


def test_a_trained_backbone_says_how_it_was_split(bench, tmp_path: Path):
    data = load(
        DataSpec(path=bench.folder / "world.txt", format="sequences", min_interactions=1), bench.folder / "data"
    )
    spec = DuoRec(hidden_size=12, n_layers=1, n_heads=3, inner_size=20, max_length=8, stride=4, visits=1)
    for protocol in (Protocol(targets=3, valid_targets=2), Protocol()):
        made = train_backbone(spec, data, seed=0, threads=1, checkpoint_dir=tmp_path, protocol=protocol)
        found = read_backbone_file(tmp_path / f"{made.key}.safetensors", "")
        assert found.split() == (protocol.targets, protocol.valid_targets)
        assert ("protocol" in made.provenance) == (protocol != Protocol())


def test_a_backbone_whose_protocol_cannot_be_read_is_refused(bench):
    path = give(bench, protocol="ten")
    with pytest.raises(InputError, match="protocol 'ten' cannot be read"):
        read_backbone_file(path, "").split()
