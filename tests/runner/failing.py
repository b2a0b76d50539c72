"""Divergences that end a cell in every way that one can end."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Unpicklable(Exception):
    """Cannot travel between processes, as an error of a plug-in may not."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")
        self.held = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Raises:
    """Raises an error that tells how many threads torch and faiss would use."""

    def __call__(self, p_ret: Any, p_rec: Any) -> Any:
        import faiss
        import torch

        raise RuntimeError(f"torch {torch.get_num_threads()}, faiss {faiss.omp_get_max_threads()} threads")


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisesUnpicklable:
    """Raises an error that cannot be sent."""

    def __call__(self, p_ret: Any, p_rec: Any) -> Any:
        raise Unpicklable("no", "pickle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dies:
    """Kills its process."""

    def __call__(self, p_ret: Any, p_rec: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeps:
    """Says that it runs and never ends.

    Attributes:
        note: a file that holds its process id then.
    """

    note: Path

    def __call__(self, p_ret: Any, p_rec: Any) -> Any:
        self.note.write_text(str(os.getpid()), encoding="utf-8")
        time.sleep(1000)
