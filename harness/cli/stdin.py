"""Study files from standard input, named ``-`` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.study.types import Overrides, Study

STDIN = Path("-")
NAME = Path("<stdin>")
"""File name in error messages; relative paths inside the file start at the working folder."""


def study_of(path: Path, overrides: Overrides) -> Study:
    """The study from a file, or from standard input if the path is ``-``.

    Raises:
        harness.study.mistakes.StudyFileError: the study cannot be used; lists every mistake with its line.
    """
    from harness.study.study import load_study, read_study
    from harness.study.yaml_lines import LARGEST_FILE

    if path != STDIN:
        return load_study(path, overrides)
    return read_study(sys.stdin.buffer.read(LARGEST_FILE + 1), NAME, overrides)


def shown(path: Path) -> Path:
    """The name of the study file in messages."""
    return NAME if path == STDIN else path
