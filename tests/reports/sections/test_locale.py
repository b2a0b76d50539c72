"""Every language says everything, about the same figures."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from pathlib import Path

import pytest

from harness.checks.catalogue import CHECKS, RULES, STUDY_CHECKS
from harness.checks.claims import CLAIMS
from harness.checks.families import FAMILIES
from harness.interventions import CATALOGUE
from harness.results.folder import StudyFolder
from harness.results.manifest import ArmRow
from reports.locale import languages, load_catalogue
from reports.output.comparison.page import write_comparison
from reports.output.diagnosis.page import write_diagnosis
from reports.output.files import write_report
from reports.sections.evidence.texts import load_evidence_texts
from tests.reports import gallery
from tests.reports.pages import Page
from tests.reports.worlds import Arm, study

OTHERS = [lang for lang in languages() if lang != "en"]
SAME_EVERYWHERE = {
    "table.rank",
    "verdict.base",
    "compare.table.base",
    "diagnosis.quoted",
    "figure.headroom.alt_bar",
    "figure.headroom.axis",
    "why.term.recommendation",
    "why.term.enhanced",
}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def pieces(text: str) -> list[str]:
    """The fixed parts of a text that are long enough to be told apart from names and ids."""
    parts = [literal for literal, _, _, _ in string.Formatter().parse(text)]
    return [part.strip() for part in parts if len(part.strip()) >= 10 and " " in part.strip()]


def test_english_and_chinese_are_there() -> None:
    assert {"en", "zh"} <= set(languages())


@pytest.mark.parametrize("lang", OTHERS)
def test_every_text_exists_in_every_language_with_the_same_places(lang: str) -> None:
    english, other = load_catalogue("en").texts, load_catalogue(lang).texts
    assert set(other) == set(english)
    assert {key for key in english if places(other[key]) != places(english[key])} == set()


@pytest.mark.parametrize("lang", OTHERS)
def test_no_text_is_empty_or_left_in_english(lang: str) -> None:
    english, other = load_catalogue("en").texts, load_catalogue(lang).texts
    assert {key for key, text in other.items() if not text} <= {"list.sentences"}
    same = {key for key in english if other[key] == english[key]} - SAME_EVERYWHERE
    assert {key for key in same if re.search("[a-zA-Z]", english[key])} == set()


def evidence_texts() -> dict[str, str]:
    """English of every check, claim and rule, by the key that other languages have it under."""
    texts = {f"claim.{claim.family}": claim.says for claim in CLAIMS}
    for check in CHECKS.values():
        texts |= {f"check.{check.code}.{part}": getattr(check, part) for part in ("title", "detected", "why")}
    for check in STUDY_CHECKS.values():
        texts |= {f"check.{check.code}.{part}": getattr(check, part) for part in ("title", "detected", "why", "advice")}
    for rule in RULES.values():
        texts |= {f"rule.{rule.name}.{part}": getattr(rule, part) for part in ("title", "condition", "because")}
    return texts


@pytest.mark.parametrize("lang", OTHERS)
def test_every_check_claim_and_rule_is_translated_with_the_same_places_and_formats(lang: str) -> None:
    english, other = evidence_texts(), load_evidence_texts(lang).texts

    def formatted(text: str) -> list[tuple[str, str | None, str | None]]:
        return sorted(
            (name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text) if name is not None
        )

    assert set(other) == set(english)
    assert {key for key in english if formatted(other[key]) != formatted(english[key])} == set()
    assert {key for key in english if not re.search(r"[\u4e00-\u9fff]", other[key])} == set()


@pytest.mark.parametrize("lang", OTHERS)
def test_a_diagnosed_page_has_no_english_of_the_evidence_left(tmp_path: Path, lang: str) -> None:
    folder = gallery.diagnosed(tmp_path / "diagnosed")
    for write in (write_report, write_diagnosis):
        english = Page(write(folder).read_text(encoding="utf-8")).text
        other = Page(write(folder, lang).read_text(encoding="utf-8"))
        said = {piece for text in evidence_texts().values() for piece in pieces(text) if piece in english}
        assert len(said) > 30
        assert {piece for piece in said if piece in other.text} == set()
        assert left_in_english(other, lang) == set()


def test_chinese_is_set_as_chinese() -> None:
    for key, text in {**load_catalogue("zh").texts, **load_evidence_texts("zh").texts}.items():
        assert not re.search(r"[\u4e00-\u9fff][,;:?!()]|[,;:?!()][\u4e00-\u9fff]|[\u4e00-\u9fff]\.", text), key
        assert not re.search(r"[\u4e00-\u9fff][a-zA-Z0-9]|[a-zA-Z0-9][\u4e00-\u9fff]", text) or key.startswith(
            "problem."
        ), key


@pytest.mark.parametrize("lang", languages())
def test_problems_are_named_as_the_catalogue_names_them(lang: str) -> None:
    texts = load_catalogue(lang).texts
    for family in FAMILIES:
        assert texts[f"problem.{family.name}"] == (family.title_zh if lang == "zh" else family.title)
    assert sum(key.startswith("problem.") for key in texts) == len(FAMILIES)


@pytest.fixture(scope="module")
def real_titles(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study of remedies that exist, with a gap, an alias, a failure, and an arm that changes nothing."""
    root = tmp_path_factory.mktemp("runs")
    chosen = [each for each in CATALOGUE if each.id in ("kl.reverse", "fusion.gate", "search.diverse", "loss.pareto")]
    arms = {each.id: Arm(shift=0.2 * place, family=each.family()) for place, each in enumerate(chosen)}
    folder = study(
        root / "titles",
        {**arms, "dead": Arm(touched=0.0), "gap": Arm()},
        replicates=range(5),
        n_users=300,
        failures={("gap", 1): "loss not finite at epoch 3"},
        missing=[("gap", 2)],
        extra_rows=(
            ArmRow(name="twin", arm="twin", status="alias", alias_of="kl.reverse", family="kl"),
            ArmRow(name="same", arm="same", status="alias", alias_of="base", family="kl"),
        ),
    )
    manifest = folder.manifest()
    titles = {
        each.id: {"id": each.id, "settings": {}, "title": each.title, "title_zh": each.title_zh} for each in chosen
    }
    rows = tuple(replace(row, remedies=(titles[row.name],)) if row.name in titles else row for row in manifest.rows)
    folder.write_manifest(replace(manifest, rows=rows))
    return folder


def left_in_english(page: Page, lang: str) -> set[str]:
    english, other = load_catalogue("en").texts, load_catalogue(lang).texts
    said = page.text + " ".join(str(found.get("aria-label") or "") for _, found in page.tags)
    return {
        piece
        for key, text in english.items()
        for piece in pieces(text)
        if piece in said and piece not in other[key] and piece not in " ".join(other.values())
    }


@pytest.mark.parametrize("lang", OTHERS)
def test_a_page_has_no_english_left_and_the_same_figures(real_titles: StudyFolder, lang: str) -> None:
    english = Page(write_report(real_titles).read_text(encoding="utf-8"))
    assert left_in_english(english, lang)
    other = Page(write_report(real_titles, lang).read_text(encoding="utf-8"))
    assert left_in_english(other, lang) == set()

    def figures(page: Page) -> list[str]:
        values = [str(found.get("data-value")) for tag, found in page.tags if tag in ("td", "th")]
        return [value for value in values if re.fullmatch(r"[-\d.e]+", value)]

    assert figures(other) == figures(english)
    assert [found.get("data-name") for tag, found in other.tags if tag == "tr"] == [
        found.get("data-name") for tag, found in english.tags if tag == "tr"
    ]


def test_remedies_and_problems_have_the_seeds_own_chinese_names(real_titles: StudyFolder) -> None:
    page = Page(write_report(real_titles, "zh").read_text(encoding="utf-8"))
    root = next(found for tag, found in page.tags if tag == "html")
    assert root["lang"] == "zh-Hans"
    for each in CATALOGUE:
        if each.id in ("kl.reverse", "fusion.gate"):
            assert each.title_zh in page.text
            assert each.title not in page.text
    assert load_catalogue("zh")("problem.fusion") == "检索增强与原始模型的融合问题"


@pytest.mark.parametrize("lang", OTHERS)
def test_a_comparison_has_no_english_left(real_titles: StudyFolder, tmp_path: Path, lang: str) -> None:
    other = study(tmp_path / "other", {"kl.reverse": Arm(shift=0.1), "new": Arm(family="loss")}, n_users=300, seed=3)
    page = Page(write_comparison(real_titles.path, other.path, tmp_path / "out", lang).read_text(encoding="utf-8"))
    assert left_in_english(page, lang) == set()


@pytest.mark.parametrize("lang", languages())
@pytest.mark.parametrize("replicates", [(), (0,), (0, 1)])
def test_odd_studies_can_be_written_in_every_language(tmp_path: Path, lang: str, replicates: tuple[int, ...]) -> None:
    every = [(name, number) for name in ("base", "a/a", "a") for number in range(3)]
    arms = {"a": Arm(), "b": Arm(touched=0.0)}
    folder = study(
        tmp_path / "odd",
        arms,
        replicates=replicates or (0, 1, 2),
        n_users=40,
        missing=() if replicates else [*every, *[("b", number) for number in range(3)]],
    )
    assert write_report(folder, lang).exists()
