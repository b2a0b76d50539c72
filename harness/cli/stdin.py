"""Study files from standard input, named ``-`` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.study.types import Overrides, Study

STDIN = Path("-")
NAME = Path("<stdin>")
"""What mistakes name; relative paths of the file start at the working folder."""


def study_of(path: Path, overrides: Overrides) -> Study:
    """The study of a file, or of standard input where the path is ``-``.

    Raises:
        harness.study.mistakes.StudyFileError: it cannot be used; every mistake has its line.
    """
    from harness.study.study import load_study, read_study
    from harness.study.yaml_lines import LARGEST_FILE

    if path != STDIN:
        return load_study(path, overrides)
    return read_study(sys.stdin.buffer.read(LARGEST_FILE + 1), NAME, overrides)


def shown(path: Path) -> Path:
    """The study file as messages name it."""
    return NAME if path == STDIN else path
