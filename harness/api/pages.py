"""The page of a study that is still running."""

from __future__ import annotations

from harness.results.folder import StudyFolder
from harness.runner.progress import Display


class EarlyPages:
    """Writes a study's page each time that another replicate is complete, and says once where it is.

    Args:
        display: told of the page, or in one line why there is none; the run goes on.
    """

    def __init__(self, display: Display) -> None:
        self.display = display
        self._told = False

    def __call__(self, folder: StudyFolder) -> None:
        from reports.output.files import write_report

        try:
            page = write_report(folder)
        except Exception as problem:  # noqa: BLE001 - a section of a plug-in may raise anything, and cells are running
            why = str(problem).partition("\n")[0] or type(problem).__name__
            self.display.note(f"the page of the first replicates could not be written ({why}); the run continues")
            return
        if not self._told:
            self.display.note(f"first page, updated after each replicate: {page}")
            self._told = True
