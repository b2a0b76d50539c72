"""The sentences of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.results.frame import Frame
from harness.results.manifest import StudyManifest
from reports.locale import Catalogue, formats
from reports.output.comparison.model import Order, Pair
from reports.sections.backbones import base_of
from reports.sections.protocol import UNSAID
from reports.sections.report import Finding, note, warning
from reports.stats.analysis import Analysis
from reports.stats.contrast import Design, Scale
from reports.stats.matching import Matching

UNLIKE = ("backbone", "checkpoint", "ftr-study")
"""Settings besides budget and protocol that may cause a difference between two studies, whatever their arms do."""

_VERSIONS = ("ftr-study", "torch", "faiss-cpu", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How two studies are compared, and the texts to say it with.

    Attributes:
        labels: labels of the studies.
        decimals: decimals of a difference on the scale.
    """

    labels: tuple[str, str]
    design: Design
    scale: Scale
    decimals: int
    text: Catalogue

    @property
    def names(self) -> dict[str, str]:
        """The labels by their placeholder in the texts."""
        return {"a": self.labels[0], "b": self.labels[1]}

    def difference(self, value: float | None) -> str:
        """A difference on the scale, with its sign."""
        return difference(value, self.scale, self.decimals)


def difference(value: float | None, scale: Scale, decimals: int) -> str:
    """A difference on the scale of the comparison, with its sign."""
    return formats.signed(value, decimals) if scale == "absolute" else formats.percent(value, decimals)


def answer_text(pairs: Sequence[Pair], order: Order | None, said: Wording) -> tuple[str, tuple[str, ...]]:
    """The answer and the sentences that support it."""
    text, names = said.text, said.names
    arms = [pair for pair in pairs if not pair.alias]
    tested = [pair for pair in arms if pair.difference is not None and pair.difference.p is not None]
    differing = [pair for pair in tested if pair.difference and pair.difference.code in ("higher", "lower")]
    finished = [pair for pair in arms if pair.a.value is not None and pair.b.value is not None]
    if differing:
        shown = [(pair.name, said.difference(pair.difference and pair.difference.mean)) for pair in differing]
        listed = [text("compare.answer.item", arm=name, difference=value) for name, value in shown]
        answer = text(
            "compare.answer.differ",
            n=text.count("compare.count.arms_differ", len(differing), all=len(tested)),
            arms=text("list.comma").join(listed),
            **names,
        )
    elif tested:
        every = all(pair.difference and pair.difference.code == "same" for pair in tested)
        answer = text("compare.answer.same" if every else "compare.answer.open", n=len(tested), **names)
    else:
        answer = text(f"compare.answer.untested_{_untested(arms, finished, said.design)}", **names)
    same = sum(pair.a.verdict == pair.b.verdict for pair in finished)
    support = (
        [text("compare.answer.verdicts", same=same, n=text.count("count.arms", len(finished)))] if finished else []
    )
    if order is None:
        support.append(text("compare.answer.no_order"))
    else:
        support.append(
            text(
                "compare.answer.order",
                tau=formats.number(order.tau, 2),
                p=formats.p_value(order.p),
                n=text.count("count.arms", order.n_arms),
            )
        )
    return answer, tuple(support)


def _untested(arms: Sequence[Pair], finished: Sequence[Pair], design: Design) -> str:
    """Why no difference is tested."""
    if not finished:
        return "unfinished" if arms else "aliases"
    if design == "overlapping":
        return "overlapping"
    return "apart" if all(pair.difference is None for pair in finished) else "seeds"


def findings_of(analyses: Sequence[Analysis], matching: Matching, said: Wording) -> tuple[Finding, ...]:
    """Limits of the comparison that a reader must know."""
    (a, b), labels, text = (each.frame for each in analyses), said.labels, said.text
    names = {"within": "compare.finding", **said.names}
    found: list[Finding] = []
    if said.design == "overlapping":
        found.append(warning("overlapping", text, data=a.manifest.data.get("name", ""), **names))
    if single := [label for label, each in zip(labels, analyses, strict=True) if each.one_seed]:
        found.append(warning("one_seed", text, single, **names))
    unlike = [
        label
        for label, _, _, differs in facts_of(a, b, text)
        if differs and (label.startswith(("budget.", "protocol.")) or label in UNLIKE)
    ]
    if unlike:
        found.append(warning("unlike", text, unlike, **names))
    for frame, label in zip((a, b), labels, strict=True):
        open_cells = {
            row.name: sum(frame.cell(row.name, number) in ("missing", "failed") for number in frame.manifest.replicates)
            for row in frame.manifest.rows
        }
        items = [f"{name} ({count})" for name, count in open_cells.items() if count]
        if items:
            n = text.count("count.runs", sum(open_cells.values()))
            found.append(warning("unfinished", text, items, label=label, n=n, **names))
    if matching.namesakes:
        found.append(warning("namesakes", text, matching.namesakes, **names))
    if renamed := [f"{match.a.name} / {match.b.name}" for match in matching.pairs if match.a.name != match.b.name]:
        found.append(note("renamed", text, renamed, **names))
    return tuple(found)


def facts_of(a: Frame, b: Frame, text: Catalogue) -> tuple[tuple[str, str, str, bool], ...]:
    """The conditions of each study: label, first, second, whether they differ."""
    first, second = _facts(a.manifest, text), _facts(b.manifest, text)
    labels = [*first, *(label for label in second if label not in first)]
    pairs = [(label, first.get(label, formats.NONE), second.get(label, formats.NONE)) for label in labels]
    return tuple((label, one, other, one != other) for label, one, other in pairs)


def _facts(manifest: StudyManifest, text: Catalogue) -> dict[str, str]:
    data, provenance = manifest.data, manifest.provenance
    versions = provenance.get("versions", {})
    facts: dict[str, Any] = {
        "name": manifest.name,
        "question": manifest.question,
        **{
            f"data.{key}": data[key]
            for key in ("name", "fingerprint", "n_users", "n_items", "n_interactions")
            if key in data
        },
        "base": base_of(manifest, text),
        "primary": manifest.primary,
        "checkpoint": manifest.checkpoint or text("method.design.unknown"),
        "sesoi": manifest.sesoi,
        "seed": manifest.seed,
        "replicates": ", ".join(str(number) for number in manifest.replicates),
        "backbone": " ".join(
            [
                manifest.backbone,
                *(str(manifest.backbone_file[key]) for key in ("name", "checksum") if manifest.backbone_file),
                *(f"{key}={value}" for key, value in manifest.backbone_recipe.items()),
            ]
        ),
        **{f"budget.{key}": value for key, value in manifest.budget.items()},
        **{f"protocol.{key}": value for key, value in {**UNSAID, **manifest.protocol}.items()},
        "git": provenance.get("git", ""),
        **{name: versions[name] for name in _VERSIONS if name in versions},
    }
    return {
        key: f"{value:,}" if isinstance(value, int) and key != "seed" else str(value) for key, value in facts.items()
    }


def paragraphs_of(sesoi: float, n_tests: int, said: Wording) -> tuple[tuple[str, str], ...]:
    """How the comparison was made: heading and text."""
    text, names, scale = said.text, said.names, said.scale
    size = formats.number(sesoi, said.decimals + 1) if scale == "absolute" else formats.share(sesoi, 1)
    tests = text("compare.method.tests.text", n_tests=text.count("count.arms", n_tests), sesoi=size)
    sections = {
        "arms": text("compare.method.arms.text", **names),
        "scale": text(f"compare.method.scale.{scale}", **names),
        "difference": text(f"compare.method.difference.{said.design}", **names),
        "tests": tests if n_tests else text("compare.method.tests.none"),
        "order": text("compare.method.order.text"),
    }
    return tuple((text(f"compare.method.{key}.title"), body) for key, body in sections.items())
