"""The page of a study: refreshed while it runs, written at its end, and the picture that optuna-dashboard shows."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

from harness.files import write_atomically
from harness.results.folder import StudyFolder
from harness.runner.progress import Display

log = logging.getLogger(__name__)

FOREST = "forest.png"


class EarlyPages:
    """Writes a study's page each time that another replicate is complete, and says once where it is.

    Args:
        display: told of the page, or in one line why there is none; the run goes on.
    """

    def __init__(self, display: Display) -> None:
        self.display = display
        self._told = False

    def __call__(self, folder: StudyFolder) -> None:
        try:
            page = page_of(folder)
        except Exception as problem:  # noqa: BLE001 - a section of a plug-in may raise anything, and cells are running
            why = str(problem).partition("\n")[0] or type(problem).__name__
            self.display.note(f"the page of the first replicates could not be written ({why}); the run continues")
            return
        if not self._told:
            self.display.note(f"first page, updated after each replicate: {page}")
            self._told = True


def page_of(folder: StudyFolder) -> Path:
    """Write the study's page, and its forest plot as a picture.

    Raises:
        harness.errors.FtrError: as :func:`reports.output.files.write_report`.
    """
    from reports.output.files import write_report

    page = write_report(folder)
    try:
        _draw_forest(folder)
    except Exception as problem:  # noqa: BLE001 - the picture is an extra: the page has it, too
        log.warning("%s could not be drawn (%s); the page has the same figure", folder.path / FOREST, problem)
    return page


def _draw_forest(folder: StudyFolder) -> None:
    from harness.api.figures import forest
    from reports.drawing.figure import Figure

    report = json.loads((folder.path / "report.json").read_text(encoding="utf-8"))
    data = Figure(**report["figures"]["forest"]) if "forest" in report["figures"] else None
    if data is not None and data.rows:
        image = io.BytesIO()
        forest(data, report["primary_label"]).savefig(image, format="png", dpi=110)
        write_atomically(folder.path / FOREST, image.getvalue())
