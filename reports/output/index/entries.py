"""The studies of a folder as a list, each read from its ``report.json``, ``diagnosis.json`` and ``manifest.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, cast

from harness.errors import InputError
from reports.locale import languages
from reports.output.naming import DEFAULT_LANGUAGE, named
from reports.sections.report import as_json

INDEX_SCHEMA = 2

SOURCES = ("report.json", "diagnosis.json", "manifest.json")

PAGES = {"report": "report.html", "diagnosis": "diagnosis.html"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One study, or one folder that cannot be read as a study.

    Attributes:
        folder: name of the folder.
        study, question, answer: name, question and answer of the study; empty if its files lack them.
        data: name of the data set.
        n_users, n_arms: None if its files lack them.
        protocol: key -> value, as in the study file.
        mode: mode of the study.
        date: when its last run ended, ISO 8601 in UTC; else when its files were written.
        n_finished, n_replicates: replicates with nothing still to run, and all; None before the first page.
        n_failed: cells that failed.
        pages: kind of page -> languages in which it exists.
        follows: name of the study that it continues, or of its folder; empty if it continues none.
        trouble: what is wrong with the folder, in one line; empty if nothing is.
        stamp: state of its files when they were read: name, time of the last change, size.
    """

    folder: str
    study: str = ""
    question: str = ""
    answer: str = ""
    data: str = ""
    n_users: int | None = None
    n_arms: int | None = None
    protocol: Mapping[str, Any]
    mode: str = ""
    date: str = ""
    n_finished: int | None = None
    n_replicates: int | None = None
    n_failed: int = 0
    pages: Mapping[str, Sequence[str]]
    follows: str = ""
    trouble: str = ""
    stamp: Sequence[Sequence[Any]]

    @property
    def state(self) -> str:
        """``complete``, ``partial``, or ``none`` before the first page."""
        if self.n_replicates is None or self.n_finished is None:
            return "none"
        return "complete" if self.n_finished >= self.n_replicates else "partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The studies of a folder, newest first, and its subfolders that are not studies."""

    lang: str
    studies: tuple[Entry, ...]
    troubles: tuple[Entry, ...]
    schema_version: int = INDEX_SCHEMA

    @property
    def groups(self) -> dict[str, list[Entry]]:
        """Data set -> its studies; the data set with the newest study comes first."""
        found: dict[str, list[Entry]] = {}
        for each in self.studies:
            found.setdefault(each.data, []).append(each)
        return found

    @property
    def anchors(self) -> dict[str, str]:
        """Name of a study or of its folder -> the folder; the newest if several studies share a name."""
        found = {each.folder: each.folder for each in self.studies}
        for each in reversed(self.studies):
            found[each.study] = each.folder
        return found

    def to_json(self) -> str:
        """The index as JSON."""
        return as_json(asdict(self))


class UnreadableError(Exception):
    """A file is not one that a study writes; the text names the file and the reason."""


def index_of(folder: Path, lang: str, known: Mapping[str, Entry]) -> Index:
    """Return the studies of a folder.

    Args:
        known: folder name -> entry of an earlier index in that language; entries with unchanged files are kept.

    Raises:
        OSError: the folder cannot be read.
    """
    entries = [
        _entry(each, lang, known.get(each.name))
        for each in sorted(folder.iterdir())
        if not each.name.startswith(".") and each.is_dir()
    ]
    newest = sorted(entries, key=lambda each: (each.date, each.folder), reverse=True)
    return Index(
        lang=lang,
        studies=tuple(each for each in newest if not each.trouble),
        troubles=tuple(each for each in entries if each.trouble),
    )


def require(folder: Path) -> None:
    """Check that the folder exists and is not the folder of one study.

    Raises:
        InputError: it does not exist, or it is the folder of one study.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder of all studies, such as runs")
    if (folder / "manifest.json").exists():
        raise InputError(f"{folder} is the folder of one study; give the folder of all studies, {folder.parent}")


def entries_in(text: str) -> dict[str, Entry]:
    """Folder name -> entry of an index that :meth:`Index.to_json` wrote; empty if it has another version."""
    try:
        found = json.loads(text)
        if found["schema_version"] != INDEX_SCHEMA:
            return {}
        return {each["folder"]: Entry(**each) for each in (*found["studies"], *found["troubles"])}
    except (ValueError, KeyError, TypeError):
        return {}


def _entry(folder: Path, lang: str, known: Entry | None) -> Entry:
    try:
        stamp = [list(each) for each in _stamp(folder)]
        if known is not None and [list(each) for each in known.stamp] == stamp:
            return known
        there = {str(each[0]) for each in stamp}
        pages = {kind: [each for each in languages() if named(name, each) in there] for kind, name in PAGES.items()}
        try:
            return _read(folder, lang, there, {kind: each for kind, each in pages.items() if each}, stamp)
        except (UnreadableError, OSError) as problem:
            said = str(problem) if isinstance(problem, UnreadableError) else problem.strerror or str(problem)
            return Entry(folder=folder.name, protocol={}, pages={}, stamp=stamp, trouble=said)
    except OSError as problem:
        return Entry(folder=folder.name, protocol={}, pages={}, stamp=(), trouble=problem.strerror or str(problem))


def _stamp(folder: Path) -> Iterator[tuple[str, int, int]]:
    for name in (*SOURCES, *PAGES.values()):
        for lang in languages():
            try:
                found = (folder / named(name, lang)).stat()
            except FileNotFoundError:
                continue
            # Of a page only its existence counts, because its content is not read.
            counts = name in SOURCES
            yield named(name, lang), found.st_mtime_ns * counts, found.st_size * counts


def _read(
    folder: Path, lang: str, there: set[str], pages: Mapping[str, Sequence[str]], stamp: Sequence[Sequence[Any]]
) -> Entry:
    if not there.intersection(SOURCES):
        raise UnreadableError("no report.json, diagnosis.json or manifest.json")
    manifest = _mapping(folder, "manifest.json") if "manifest.json" in there else {}
    report = _in_language(folder, "report.json", lang, there)
    diagnosis = {} if report else _in_language(folder, "diagnosis.json", lang, there)
    try:
        data, rows = dict(manifest.get("data", {})), [dict(each) for each in manifest.get("rows", ())]
        said = report["answer"]["sentence"] if report else diagnosis.get("answer", "")
        written = max((int(each[1]) for each in stamp), default=0) / 1e9
        return Entry(
            folder=folder.name,
            study=str(report.get("study") or manifest.get("name") or diagnosis.get("study") or folder.name),
            question=str(report.get("question") or manifest.get("question") or ""),
            answer=str(said),
            data=str(report.get("data") or data.get("name") or ""),
            n_users=_whole(report.get("n_users", data.get("n_users"))),
            n_arms=_whole(report.get("n_arms")),
            protocol=dict(manifest.get("protocol", {})),
            mode=str(dict(manifest.get("course", {})).get("mode", "")),
            date=str(
                dict(manifest.get("provenance", {})).get("finished")
                or datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")
            ),
            n_finished=_whole(report.get("n_finished")),
            n_replicates=_whole(report.get("n_replicates")),
            n_failed=sum(len(dict(row.get("failures", {}))) for row in rows),
            pages=pages,
            follows=_follows(manifest.get("follows")),
            stamp=stamp,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        source = "report.json" if report else "manifest.json" if manifest else "diagnosis.json"
        raise UnreadableError(f"{source} is of another version ({type(problem).__name__}: {problem})") from problem


def _in_language(folder: Path, name: str, lang: str, there: set[str]) -> Mapping[str, Any]:
    """The file in that language, else in English, else in any; empty if there is none."""
    for each in dict.fromkeys((lang, DEFAULT_LANGUAGE, *languages())):
        if named(name, each) in there:
            return _mapping(folder, named(name, each))
    return {}


def _mapping(folder: Path, name: str) -> Mapping[str, Any]:
    try:
        found: object = json.loads((folder / name).read_text(encoding="utf-8"))
    except ValueError as problem:
        raise UnreadableError(f"{name} is not JSON ({str(problem).partition(':')[0]})") from problem
    if not isinstance(found, dict):
        raise UnreadableError(f"{name} is not a mapping")
    return cast("Mapping[str, Any]", found)


def _whole(value: object) -> int | None:
    return None if value is None else int(cast("Any", value))


def _follows(said: object) -> str:
    """The study that a manifest continues: the name in its ``follows``, or the last part if it is a path."""
    if isinstance(said, Mapping):
        return str(cast("Mapping[str, object]", said).get("study", ""))
    return PurePath(said).name if isinstance(said, str) else ""
