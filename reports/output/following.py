"""The next study of a study's folder, for the command line."""

from __future__ import annotations

from pathlib import Path

from harness.errors import InputError
from harness.files import write_atomically
from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from reports.locale import load_catalogue
from reports.next.build import next_of
from reports.next.model import NextStudy
from reports.sections.assembly import input_of
from reports.sections.registry import in_page_order, with_texts


def following_study(folder: StudyFolder, lang: str = "en") -> NextStudy:
    """Return what to try next after the study or the diagnosis of a folder.

    Raises:
        InputError: no study in the folder, or its study file is missing or cannot be run by this version.
    """
    text = with_texts(load_catalogue(lang), in_page_order())
    found = next_of(input_of(read_frame(folder), text))
    if found is None:
        raise InputError(
            f"{folder.path} holds no study file that this version can run; run the study again, its records are kept"
        )
    return found


def write_next(path: Path, found: NextStudy | None) -> None:
    """Write the next study file next to a page, or remove an earlier one if nothing is left to run.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    if found is not None and found.file:
        write_atomically(path, found.file.encode())
    else:
        path.unlink(missing_ok=True)
