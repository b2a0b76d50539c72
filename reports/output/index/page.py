"""The files of the index page: ``index.html`` and ``index.json`` in the folder of the studies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from harness.files import locked, write_atomically
from reports.locale import Catalogue, languages, load_catalogue, texts_beside
from reports.output.index.entries import PAGES, Index, entries_in, index_of, require
from reports.output.naming import DEFAULT_LANGUAGE, named
from reports.sections.assembly import environment, render_page

log = logging.getLogger(__name__)

RECORDS = ".records"


def write_index(folder: Path, lang: str = DEFAULT_LANGUAGE) -> Path:
    """Write the index page of a folder of studies, from the JSON files of the studies; refresh its other languages.

    Runs that end at the same time write it one after the other, so that the last write includes both.  Studies with
    unchanged files are not read again.

    Returns:
        The path of the page.

    Raises:
        InputError: no such language or folder.
        EnvironmentProblem: the folder cannot be written.
    """
    load_catalogue(lang)
    require(folder)
    with locked(folder / "index", lambda said: None, what=str(folder / named("index.html", lang))):
        langs = [each for each in languages() if each == lang or (folder / named("index.html", each)).exists()]
        for each in langs:
            _write(folder, each, [other for other in langs if other != each])
    return folder / named("index.html", lang)


def _write(folder: Path, lang: str, others: Sequence[str]) -> None:
    data = folder / named("index.json", lang)
    known = entries_in(data.read_text(encoding="utf-8")) if data.exists() else {}
    index = index_of(folder, lang, known)
    write_atomically(data, index.to_json().encode())
    write_atomically(folder / named("index.html", lang), render_index(index, folder.resolve().name, others).encode())


def refresh_index(study: Path, lang: str = DEFAULT_LANGUAGE) -> None:
    """Update the index page of the folder that contains a study; a failure is logged and does not affect the study.

    Does nothing unless that folder has the records of studies or an index page.

    Args:
        study: folder of a study whose page has just been written.
        lang: language of that page.
    """
    folder = study.resolve().parent
    if not (folder / RECORDS).is_dir() and not any(folder.glob("index*.html")):
        return
    try:
        for each in dict.fromkeys((DEFAULT_LANGUAGE, lang)):
            write_index(folder, each)
    except Exception as problem:  # noqa: BLE001 - the study's own page is written; the index must not fail it
        log.warning("%s could not be refreshed: %s", folder / named("index.html", lang), problem)


def render_index(index: Index, folder: str, others: Sequence[str] = ()) -> str:
    """The index page as one self-contained HTML file.

    Args:
        folder: name of the folder of the studies.
        others: further languages in which the page exists.
    """
    texts = {each: with_index_texts(load_catalogue(each)) for each in languages()}
    return render_page(
        environment({"index": Path(__file__).parent}),
        "index/index.html.j2",
        index,
        texts[index.lang],
        folder=folder,
        others=others,
        texts=texts,
        anchors=index.anchors,
        address=_address,
        named=named,
    )


def _address(folder: str, kind: str, lang: str) -> str:
    """The address of a study's page, relative to the index page."""
    return f"./{quote(folder)}/{named(PAGES[kind], lang)}"


def with_index_texts(text: Catalogue) -> Catalogue:
    """The catalogue with the texts of this page; texts missing in the language are in English."""
    return replace(text, texts={**text.texts, **texts_beside(Path(__file__).parent, text.lang)})
