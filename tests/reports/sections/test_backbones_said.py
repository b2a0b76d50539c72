"""The method names every backbone and says which of them replicates share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.backbones.registry import DEFAULT_NAME
from harness.results.folder import StudyFolder
from harness.results.manifest import ArmRow
from harness.results.reading import read_frame
from reports.locale import languages, load_catalogue
from reports.output.comparison.text import facts_of
from reports.sections.answer.paragraph import paragraph_of
from reports.sections.assembly import build_report, input_of
from reports.sections.backbones import OWN, base_of, models_of_arms
from reports.sections.registry import in_page_order, with_texts
from tests.reports.worlds import Arm, study

MODEL = "gru4rec(dropout=0.2)"
FILE = {"name": "own.safetensors", "checksum": "0123", "seed": "7"}


def folder_of(path: Path, arms: Mapping[str, Mapping[str, Any]] | None = None, **changed: Any) -> StudyFolder:
    """A study whose arms of these names have one remedy each."""
    folder = study(path, {name: Arm(shift=0.3) for name in (arms or {"plain": {}})}, n_users=60)
    manifest = folder.manifest()
    rows = [replace(row, remedies=(arms[row.name],)) if arms and row.name in arms else row for row in manifest.rows]
    folder.write_manifest(replace(manifest, rows=tuple(rows), **changed))
    return folder


def remedy(name: str, **settings: object) -> dict[str, Any]:
    return {"id": f"backbone.{name}", "settings": settings, "title": name}


def design(folder: StudyFolder, lang: str = "en") -> str:
    heading = {"en": "Design", "zh": "设计"}[lang]
    return dict(build_report(read_frame(folder), load_catalogue(lang)).models["method"].paragraphs)[heading]


def test_the_name_of_ftragrecs_own_backbone_is_the_registrys() -> None:
    assert OWN == DEFAULT_NAME


@pytest.mark.parametrize("lang", languages())
def test_a_study_on_another_model_names_it_and_is_not_as_published(tmp_path: Path, lang: str) -> None:
    text = with_texts(load_catalogue(lang), in_page_order())
    published = text("method.as_found")
    own, moved = folder_of(tmp_path / "own"), folder_of(tmp_path / "moved", backbone_recipe={"model": MODEL})
    for folder, there in ((own, False), (moved, True)):
        report = build_report(read_frame(folder), text)
        method, analysed = report.models["method"], input_of(read_frame(folder), text)
        facts = dict(fact for group in method.facts.values() for fact in group)
        assert (MODEL in design(folder, lang)) is there
        assert (MODEL in facts["base"], facts["base"] == published) == (there, not there)
        said = paragraph_of(analysed.analysis, report.rows, 4, text)
        assert (MODEL in said, published in said) == (there, not there)
        assert published not in design(folder, lang)
    both = {label: (one, other) for label, one, other, _ in facts_of(read_frame(own), read_frame(moved), text)}
    assert both["base"] == (published, text("method.on_model", base="FTragrec", model=MODEL))


def test_a_stack_on_another_model_names_both(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "s", backbone_recipe={"model": MODEL}, base=("kl.reverse",))
    assert base_of(folder.manifest(), load_catalogue("en")) == f"kl.reverse on {MODEL}"


@pytest.mark.parametrize(
    ("backbone", "shared", "own"),
    [
        ("per_seed", "Each replicate trains its own backbone", "trained in each replicate, too: "),
        ("shared", "one backbone of each kind serves them all", "another backbone than base's: "),
        ("file", "Base and the arms on base's backbone share one backbone file: own.safetensors", "on the first seed"),
    ],
)
def test_arms_on_models_of_their_own_are_named_and_not_said_to_share_bases(
    tmp_path: Path, backbone: str, shared: str, own: str
) -> None:
    arms = {"gru": remedy("gru4rec", dropout=0.2), "sas": remedy("sasrec"), "sas2": remedy("sasrec")}
    given: dict[str, Any] = {"backbone_file": FILE} if backbone == "file" else {}
    said = design(folder_of(tmp_path / "arms", arms, backbone=backbone, **given))
    assert shared in said
    assert own in said
    assert f"{MODEL} in gru; sasrec in sas, sas2." in said
    assert "share one backbone," not in said
    without = design(folder_of(tmp_path / "plain", backbone=backbone, **given))
    assert "sasrec" not in without
    if backbone != "per_seed":
        assert "Replicates differ in fine-tuning only and share one backbone" in without
    zh = design(folder_of(tmp_path / "zh", arms, backbone=backbone, **given), "zh")
    assert f"{MODEL}（gru）；sasrec（sas、sas2）" in zh


def test_settings_are_those_that_the_runs_tell_and_bases_own_model_is_no_arms(tmp_path: Path) -> None:
    arms = {"gru": remedy("gru4rec", dropout=0.2, hidden_size=64), "due": remedy("duorec"), "same": remedy("gru4rec")}
    folder = folder_of(tmp_path / "s", arms, backbone_recipe={"model": "gru4rec"})
    frame = read_frame(folder)
    told = {number: replace(record, recipe={"backbone": MODEL}) for number, record in frame.records["gru"].items()}
    frame = replace(frame, records={**frame.records, "gru": told})
    assert models_of_arms(frame) == {MODEL: ("gru",), "duorec": ("due",)}
    unlike = ArmRow(name="x", arm="x", remedies=(remedy("sasrec"),), status="inapplicable", reason="of a test")
    more = replace(frame, manifest=replace(frame.manifest, rows=(*frame.manifest.rows, unlike)))
    assert models_of_arms(more) == models_of_arms(frame)
    others = {0: replace(frame.records["gru"][0], recipe={}, provenance={"model": "gru4rec(n_layers=2)"})}
    reused = replace(frame, records={**frame.records, "gru": others})
    assert models_of_arms(reused) == {"gru4rec(n_layers=2)": ("gru",), "duorec": ("due",)}
    on_file = replace(frame, manifest=replace(frame.manifest, backbone="file", backbone_file=FILE))
    assert "same" in models_of_arms(on_file)["gru4rec"]
