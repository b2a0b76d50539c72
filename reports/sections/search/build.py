"""The results of a search: all settings tried on the validation set, best against default, and each arm's budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.results.manifest import StudyManifest
from reports.locale import Catalogue, formats
from reports.sections.report import Finding, filled, note, warning
from reports.sections.search.model import SearchBudget, Searched, SearchedArm, SearchedParameter, SearchedTrial, Setting

Raw = Mapping[str, Any]


def search_of(manifest: StudyManifest, text: Catalogue) -> Searched | None:
    """Return the search of a study; None for a study of another mode."""
    course = manifest.course
    if course.get("mode") != "search":
        return None
    arms = tuple(_arm(each, formats.metric_label(manifest.primary), text) for each in course["arms"])
    return Searched(
        sentence=_sentence(course, manifest, len(arms), text),
        notes=_notes(course, arms, text),
        objectives=tuple(course["objectives"]),
        replicates=tuple(course["replicates"]),
        done=bool(course["done"]),
        arms=arms,
        failures=tuple(
            (arm.name, trial.number, trial.reason) for arm in arms for trial in arm.trials if trial.state == "failed"
        ),
    )


def search_findings(searched: Searched, default: str, text: Catalogue) -> tuple[Finding, ...]:
    """Return the findings on the search that a reader must know before believing the answer.

    Args:
        default: the row of base with its settings from before the search.
    """
    found = [note("tuned_base", text, default=default)]
    if not searched.done:
        found.append(warning("search_unfinished", text))
    if searched.failures:
        n = text.count("count.settings", len(searched.failures))
        found.append(note("failed_trials", text, (f"{arm}, {number}" for arm, number, _ in searched.failures), n=n))
    return tuple(found)


def _arm(raw: Raw, label: str, text: Catalogue) -> SearchedArm:
    winner, trials = raw["winner"], raw["trials"]
    best = None if winner is None else trials[winner]
    default = trials[0] if trials and trials[0]["state"] == "complete" else None
    return SearchedArm(
        name=str(raw["name"]),
        sentence=_result(raw, best, default, label, text),
        parameters=tuple(
            _parameter(each, best, raw["importance"].get(each["name"]) if raw["importance"] else None, text)
            for each in raw["parameters"]
        ),
        left_out=tuple((str(each["name"]), str(each["reason"])) for each in raw["left_out"]),
        trials=tuple(_trial(each, winner, raw["front"]) for each in trials),
        default=None if default is None else default["mean"],
        best=None if best is None else best["mean"],
        budget=SearchBudget(**raw["budget"]),
    )


def _parameter(raw: Raw, best: Raw | None, share: float | None, text: Catalogue) -> SearchedParameter:
    return filled(
        SearchedParameter,
        raw,
        range=_range(raw, text),
        default=setting(raw["default"]),
        best=None if best is None else setting(best["setting"][raw["name"]]),
        importance=share,
        numeric=_is_numeric(raw),
    )


def _trial(raw: Raw, winner: int | None, front: Sequence[int]) -> SearchedTrial:
    values = {name: setting(value) for name, value in raw["setting"].items()}
    return filled(SearchedTrial, raw, setting=values, best=raw["number"] == winner, front=raw["number"] in front)


def setting(value: Any) -> Setting:
    """Return a value of a parameter as a scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(str(each) for each in value) if isinstance(value, list) else value


def numbers_of(value: Setting) -> float | None:
    """Return a value as a number, for epochs such as ``3ep`` their count; None for a word."""
    if isinstance(value, str):
        return float(value[:-2]) if value.endswith("ep") and value[:-2].isdigit() else None
    return None if value is None else float(value)


def _is_numeric(raw: Raw) -> bool:
    return all(numbers_of(setting(each)) is not None for each in (*raw["choices"], raw["default"]))


def _range(raw: Raw, text: Catalogue) -> str:
    if raw["choices"]:
        return text("list.comma").join(formats.setting(setting(each)) for each in raw["choices"])
    unit = "ep" if raw["scale"] == "epochs" else ""
    low, high = (f"{raw[end]:g}{unit}" for end in ("low", "high"))
    return text("search.range_log" if raw["log"] else "search.range", low=low, high=high)


def _sentence(course: Raw, manifest: StudyManifest, n_arms: int, text: Catalogue) -> str:
    values = {
        "n_arms": text.count("count.arms", n_arms - 1),
        "n_trials": course["trials"],
        "n_seeds": text.count("count.seeds", len(course["replicates"])),
        "n_fresh": text.count("count.seeds", len(manifest.replicates)),
        "metric": formats.metric_label(manifest.primary),
    }
    return text("search.sentence" if course["done"] else "search.sentence_unfinished", **values)


def _notes(course: Raw, arms: Sequence[SearchedArm], text: Catalogue) -> tuple[str, ...]:
    notes = [
        text("search.how", startup=min(course["startup"], course["trials"]) - 1, width=course["width"]),
        text("search.luck"),
    ]
    if len(course["objectives"]) > 1:
        notes.append(text("search.two_objectives"))
    elif course["prune"]:
        fewest, n_seeds = _fewest_to_prune(course["prune"]), len(course["replicates"])
        key = "search.pruning" if n_seeds > fewest else "search.pruning_cannot"
        notes.append(text(key, p=f"{course['prune']:g}", n=fewest, n_seeds=text.count("count.seeds", n_seeds)))
    fewer = [arm.name for arm, raw in zip(arms, course["arms"], strict=True) if raw["exhausted"]]
    if fewer:
        notes.append(text("search.exhausted", arms=text("list.comma").join(fewer)))
    return tuple(notes)


def _fewest_to_prune(p: float) -> int:
    """Return the smallest number of replicates with which a signed-rank test can have a p-value below ``p``.

    >>> _fewest_to_prune(0.1), _fewest_to_prune(0.3)
    (4, 2)
    """
    n = 2
    while 0.5**n >= p:
        n += 1
    return n


def _result(raw: Raw, best: Raw | None, default: Raw | None, label: str, text: Catalogue) -> str:
    if best is None:
        return text("search.no_best", row=raw["name"])
    values = {
        "row": raw["name"],
        "trial": best["number"],
        "n": len(raw["trials"]),
        "metric": label,
        "best": formats.number(best["mean"]),
    }
    if default is None:
        return text("search.best_alone", **values)
    if best["number"] == 0:
        return text("search.best_default", **values)
    gain = formats.percent(best["mean"] / default["mean"] - 1.0) if default["mean"] else formats.NONE
    return text("search.best", default=formats.number(default["mean"]), gain=gain, **values)
