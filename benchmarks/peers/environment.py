"""A separate environment with RecBole from its wheel, created on first use."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import filelock

RECBOLE = "recbole==1.2.1"

# Without Ray, which RecBole requires but does not need here; its last release has no wheel for newer Pythons.
NEEDED = """
numpy<2 pandas<3 scipy pyyaml tqdm colorlog==4.7.2 colorama==0.4.4 scikit-learn tensorboard thop tabulate plotly
texttable psutil setuptools
""".split()


class NoEnvironmentError(Exception):
    """RecBole cannot be installed; the message has the reason."""


def peers_folder(wanted: Path | None = None) -> Path:
    """The folder of peers' environments: ``wanted``, or a folder in the user's cache."""
    if wanted is not None:
        return wanted
    import platformdirs

    return Path(platformdirs.user_cache_dir("ftr-study")) / "peers"


def recbole_python(folder: Path) -> Path:
    """The interpreter of RecBole's environment below ``folder``, with this interpreter's version of torch.

    Raises:
        NoEnvironmentError: pip cannot install it.
    """
    torch = version("torch").partition("+")[0]
    whole = folder / f"recbole-1.2.1-torch-{torch}-py{sys.version_info.major}.{sys.version_info.minor}"
    python, done = whole / "bin" / "python", whole / "complete"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise NoEnvironmentError(f"cannot make the environment {whole}: {problem.strerror}") from problem
    with filelock.FileLock(folder / f".{whole.name}.lock"):  # tests in several processes may need it at once
        if not done.is_file():
            _make(whole, python, torch)
            done.touch()
    return python


def _make(whole: Path, python: Path, torch: str) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(whole)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise NoEnvironmentError(f"cannot make the environment {whole}: {last_line(made.stderr)}")
    for wanted in (["--no-deps", RECBOLE], [f"torch=={torch}", *NEEDED]):
        installed = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", *wanted],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        if installed.returncode:
            raise NoEnvironmentError(f"pip cannot install {' '.join(wanted)}: {last_line(installed.stderr)}")


def last_line(text: str) -> str:
    """The last line of a tool's output."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
