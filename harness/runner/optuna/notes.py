"""The report's findings as notes and files that optuna-dashboard shows next to its charts.

The dashboard keeps its notes, and Optuna the files of a study, in system attributes of the Optuna study. This module
writes these attributes directly, so that no run needs the dashboard; ``tests/runner/test_dashboard.py`` reads them with
the dashboard itself.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from harness.results.folder import StudyFolder

PIECE = 2045
"""Longest piece of a note, in characters."""

KEPT = "*ftr-study rewrites the text above this line and keeps what you write below it.*"

FILES = {"report.html": "text/html", "forest.png": "image/png"}
"""Files of a study's folder that the dashboard can show, with their types."""

MINUS = "\N{MINUS SIGN}"

ARTIFACTS = "artifacts"
"""The folder that ``optuna-dashboard --artifact-dir`` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """The notes of one Optuna study, in Markdown.

    Attributes:
        study: note of the study itself.
        trials: identity of a trial -> its note.
        files: id of a file in the folder of artifacts -> its name.
    """

    study: str
    trials: Mapping[object, str] = field(default_factory=dict[object, str])
    files: Mapping[str, str] = field(default_factory=dict[str, str])

    def attributes(self, study: int, trials: Mapping[object, int], there: Mapping[str, Any]) -> dict[str, Any]:
        """The system attributes of the Optuna study that have to change.

        Args:
            study: id of the study.
            trials: identity of a trial -> its id.
            there: the study's current system attributes.
        """
        links = "".join(f" [Open {name}](/artifacts/{study}/{each})" for each, name in self.files.items())
        links += " (The links need `optuna-dashboard --artifact-dir`.)" if links else ""
        changed = dict(_note("dashboard:", self.study.replace("{links}", links), there))
        for identity, text in self.trials.items():
            if identity in trials:
                changed |= _note(f"dashboard:{trials[identity]}:", text, there)
        for each, name in self.files.items():
            if f"artifacts:{each}" not in there:  # one that was removed in the dashboard stays removed
                file = {"artifact_id": each, "filename": name, "mimetype": FILES[name], "encoding": None}
                changed[f"artifacts:{each}"] = json.dumps(file)
        return changed


def _note(prefix: str, text: str, there: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that set the note's text and keep what a reader added below; nothing if it is unchanged."""
    pieces = {name: str(value) for name, value in there.items() if name.startswith(f"{prefix}note_str:")}
    before = "".join(pieces[name] for name in sorted(pieces, key=lambda each: int(each.rpartition(":")[2])))
    _, mark, added = before.partition(KEPT)
    added = (added if mark else before).strip()
    after = f"{text}\n\n---\n\n{KEPT}\n" + (f"\n{added}\n" if added else "")
    if after == before:
        return
    yield f"{prefix}note_ver", int(there.get(f"{prefix}note_ver", 0)) + 1
    new = [after[start : start + PIECE] for start in range(0, len(after), PIECE)]
    for place in range(max(len(new), len(pieces))):
        yield f"{prefix}note_str:{place}", new[place] if place < len(new) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The report of a study's folder, as the source of the notes.

    Attributes:
        folder: the study's folder.
        report: ``report.json``.
    """

    folder: StudyFolder
    report: Mapping[str, Any]

    @classmethod
    def of(cls, folder: StudyFolder) -> Told | None:
        """Read the report; None before the first report exists."""
        path = folder.path / "report.json"
        return cls(folder=folder, report=json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def of_cells(self, rows: Mapping[str, str]) -> Notes:
        """Notes of the Optuna study of cells.

        Args:
            rows: record key of a trial -> its row.
        """
        verdicts = {row["name"]: self._verdict(row) for row in self.report["rows"]}
        out = shlex.quote(str(self.folder.path.absolute().parent))
        trials: dict[object, str] = {}
        for key, row in rows.items():
            said = f"{_plain(row)}: {verdicts[row]}.\n\n" if row in verdicts else f"{_plain(row)}.\n\n"
            trials[key] = f"{said}Record `{key}`. To print it: `ftr-study show {key} --out {out}`"
        return Notes(study="\n\n".join(self._paragraphs()), trials=trials, files=self._files())

    def of_arm(self, arm: str, course: Mapping[str, Any]) -> Notes:
        """Notes of the Optuna study of an arm's search.

        Args:
            course: course of the search, from the manifest.
        """
        winner = next((each["winner"] for each in course.get("arms", ()) if each["name"] == arm), None)
        verdict = next((self._verdict(row) for row in self.report["rows"] if row["name"] == arm), "")
        study = f"Search of `{arm}` in study {_plain(self.report['study'])}."
        chosen = f" Trial {winner} was confirmed on fresh seeds: {verdict}." if verdict and winner is not None else ""
        trials: dict[object, str] = {}
        if chosen:
            trials[winner] = f"Best setting of {_plain(arm)}; confirmed on fresh seeds: {verdict}."
        return Notes(study=f"{study}{chosen}\n\nReport: `{self.folder.path.absolute() / 'report.html'}`", trials=trials)

    def _paragraphs(self) -> Iterator[str]:
        report, answer = self.report, self.report["answer"]
        if report["question"]:
            yield f"**Question.** {_plain(report['question'])}"
        yield f"**Answer.** {_plain(answer['sentence'])}"
        following = report.get("next")
        yield f"**Adopt.** {_plain(answer['adopt'])}"
        if following:
            yield f"**Next.** {_plain(following['sentence'])}"
        arms = [row for row in report["rows"] if row["kind"] == "arm"]
        if arms:
            lines = [f"| {_plain(row['name'])} | {_plain(row['verdict_text'])} | {self._effect(row)} |" for row in arms]
            metric = _plain(report["primary_label"])
            yield "\n".join([f"| arm | verdict | effect on {metric} |", "| --- | --- | --- |", *lines])
        seeds = f"{report['n_finished']} of {report['n_replicates']} seeds are finished."
        yield f"{_plain(report['protocol'])} {seeds}".strip()
        yield f"Report: `{self.folder.path.absolute() / 'report.html'}`.{{links}}"

    def _verdict(self, row: Mapping[str, Any]) -> str:
        if row["kind"] == "base":
            return "the recipe that every arm is compared with"
        effect, metric = self._effect(row), _plain(self.report["primary_label"])
        return _plain(row["verdict_text"]) + (f", effect {effect} on {metric}" if effect else "")

    def _effect(self, row: Mapping[str, Any]) -> str:
        """Effect and adjusted interval with the report's decimals; empty if there is no effect."""
        if row["effect"] is None:
            return ""
        ends = row["adjusted"] or ()
        shown = [_signed(value, self.report["decimals"]) for value in (row["effect"], *ends)]
        return shown[0] + (f" ({shown[1]} to {shown[2]})" if ends else "")

    def _files(self) -> dict[str, str]:
        """Link the existing files into the folder of artifacts under names that Optuna accepts; return id -> name."""
        found: dict[str, str] = {}
        for name in FILES:
            if (self.folder.path / name).exists():
                each = str(uuid5(NAMESPACE_URL, f"ftr-study/{self.folder.path.name}/{name}"))
                link(self.folder.path / ARTIFACTS / each, Path("..") / name)
                found[each] = name
        return found


def link(path: Path, target: Path) -> None:
    """Create a symbolic link, unless it exists.

    Raises:
        OSError: the folder cannot be written.
    """
    if not path.is_symlink():
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(target)


def _signed(value: float, decimals: int) -> str:
    """Return a difference as the page shows it; a zero has no sign."""
    text = f"{value:+.{decimals}f}"
    return text.replace("-", MINUS) if float(text) else text[1:]


def _plain(text: str) -> str:
    r"""Return a text escaped for Markdown, on one line.

    >>> print(_plain("kl_direction | $a$"))
    kl\_direction \| \$a\$
    """
    return re.sub(r"([\\`*_\[\]<>|$~&#])", r"\\\1", " ".join(text.split()))
