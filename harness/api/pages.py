"""Writing a study's page during and after a run, and the picture that optuna-dashboard shows."""

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
    """A callback that rewrites a study's page after each complete replicate and reports its path once.

    Args:
        display: receives the path of the page, or one line with the reason if writing fails; the run continues.
    """

    def __init__(self, display: Display) -> None:
        self.display = display
        self._told = False

    def __call__(self, folder: StudyFolder) -> None:
        try:
            page = page_of(folder)
        except Exception as problem:  # noqa: BLE001 - a plug-in's section may raise anything; cells still run
            why = str(problem).partition("\n")[0] or type(problem).__name__
            self.display.note(f"the page of the first replicates could not be written ({why}); the run continues")
            return
        if not self._told:
            self.display.note(f"first page, updated after each replicate: {page}")
            self._told = True


def page_of(folder: StudyFolder) -> Path:
    """Write the study's page and its forest plot as a picture; return the path of the page.

    Raises:
        harness.errors.FtrError: as :func:`reports.output.files.write_report`.
    """
    from reports.output.files import write_report

    page = write_report(folder)
    try:
        _draw_forest(folder)
    except Exception as problem:  # noqa: BLE001 - the picture is optional: the page includes it
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
