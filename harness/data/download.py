"""Downloads over HTTP or through the user's own pip; each failure is described in one line."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests

Progress = Callable[[str], None]
"""Called with messages on the progress of a download; the caller displays them."""

_TIMEOUT_S = 30.0
_PIP_LIMIT_S = 300.0
_MEGABYTE = 1_000_000


class DownloadError(Exception):
    """A source did not provide its file; the message says why in one line."""


def download(url: str, progress: Progress) -> bytes:
    """Return the content at an address, not yet verified; reports progress every tenth of it, or every megabyte.

    Raises:
        DownloadError: no connection, no answer within the time limit, an HTTP error, or an incomplete transfer.
    """
    host = urlsplit(url).netloc
    progress(f"downloading {url}")
    content, told = bytearray(), 0
    try:
        with requests.get(url, stream=True, timeout=_TIMEOUT_S) as answer:
            answer.raise_for_status()
            length = answer.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else 0
            for chunk in answer.iter_content(2**16):
                content += chunk
                if len(content) - told >= (total // 10 or _MEGABYTE) or len(content) == total:
                    told = len(content)
                    share = f" ({min(told / total, 1):.0%})" if total else ""
                    progress(f"{host}: {told / _MEGABYTE:.1f} MB{share}")
    except requests.HTTPError as problem:
        raise DownloadError(str(problem)) from problem
    except requests.Timeout as problem:
        raise DownloadError(f"{host} did not answer within {_TIMEOUT_S:.0f} s") from problem
    except requests.ConnectionError as problem:
        raise DownloadError(f"no connection to {host}") from problem
    except OSError as problem:
        raise DownloadError(f"{type(problem).__name__}: {problem}") from problem
    return bytes(content)


def download_wheel(requirement: str, progress: Progress) -> bytes:
    """Download a public wheel with the user's own pip; the package is neither installed nor imported.

    Args:
        requirement: name and version, such as ``recbole==1.2.1``.
        progress: called once, before pip starts.

    Raises:
        DownloadError: pip failed, or did not leave exactly one wheel.
    """
    progress(f"downloading the {requirement} wheel through pip")
    with tempfile.TemporaryDirectory(prefix="ftr-study-") as folder:
        # Wheels only, since pip would run the setup.py of a source distribution.
        options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
        patience = ["--retries", "1", "--timeout", "15"]
        command = [sys.executable, "-m", "pip", "download", *options, *patience, "-d", folder, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            raise DownloadError(f"pip did not finish within {_PIP_LIMIT_S:.0f} s") from None
        if done.returncode:
            raise DownloadError(_last_error(done.stderr) or f"pip ended with status {done.returncode}")
        wheels = list(Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise DownloadError(f"pip left {len(wheels)} wheels, not one")
        return wheels[0].read_bytes()


def _last_error(stderr: str) -> str:
    """Return pip's last error line, and whether the package index was unreachable, which that line does not say."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    offline = any("connection broken by" in line for line in lines)
    return (errors or lines or [""])[-1] + (" (no connection to the package index)" if offline else "")
