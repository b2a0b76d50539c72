"""One file over HTTP, with progress in words and failures in one line."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pooch
import requests

_TIMEOUT_S = 30.0
_MEGABYTE = 1_000_000


class DownloadError(Exception):
    """A source that did not yield its file; the message says why in one line."""


class _Meter:
    """What pooch drives as a progress bar: passes on a line for every tenth of the file, or every megabyte."""

    def __init__(self, label: str, progress: Callable[[str], None]) -> None:
        self.total = 0
        self._label = label
        self._progress = progress
        self._done = 0
        self._reported = 0

    def update(self, count: int) -> None:
        self._done += count
        step = self.total // 10 if self.total else _MEGABYTE
        if self._done - self._reported >= max(step, 1):
            self._reported = self._done
            share = f" ({min(self._done / self.total, 1):.0%})" if self.total else ""
            self._progress(f"{self._label}: {self._done / _MEGABYTE:.1f} MB{share}")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Nothing is held open."""


def download(url: str, progress: Callable[[str], None]) -> bytes:
    """The content at an address; the caller verifies it.

    Raises:
        DownloadError: no connection, no answer within the time limit, an HTTP error, or a torn transfer.
    """
    host = urlsplit(url).netloc
    progress(f"downloading {url}")
    # Pooch logs an untested checksum at INFO through a handler of its own; the check happens in our caller.
    pooch.get_logger().setLevel(logging.WARNING)
    # Pooch's annotations know neither progress objects nor its own downloaders.
    meter: Any = _Meter(host, progress)
    downloader: Any = pooch.HTTPDownloader(timeout=_TIMEOUT_S, progressbar=meter)
    try:
        with tempfile.TemporaryDirectory(prefix="ftr-study-") as folder:
            saved = pooch.retrieve(url, known_hash=None, path=folder, fname="download", downloader=downloader)
            return Path(saved).read_bytes()
    except requests.HTTPError as problem:
        raise DownloadError(str(problem)) from problem
    except requests.Timeout as problem:
        raise DownloadError(f"{host} did not answer within {_TIMEOUT_S:.0f} s") from problem
    except requests.ConnectionError as problem:
        raise DownloadError(f"no connection to {host}") from problem
    except OSError as problem:
        raise DownloadError(f"{type(problem).__name__}: {problem}") from problem
