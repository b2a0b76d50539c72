"""Fetches a named data set once and verifies it; safe when several processes fetch the same set."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import platformdirs

from harness.data.download import DownloadError, Progress
from harness.data.named import NAMED_SETS, NamedSet, find_named
from harness.data.text import read_content
from harness.errors import EnvironmentProblem, InputError
from harness.files import locked, set_aside, write_atomically

_log = logging.getLogger(__name__)


def data_folder(data_dir: Path | None = None) -> Path:
    """Return the folder of named sets and parsed data: ``data_dir``, or a folder in the user's cache."""
    return data_dir if data_dir is not None else Path(platformdirs.user_cache_dir("ftr-study")) / "data"


def get(
    name: str,
    *,
    data_dir: Path | None = None,
    from_file: Path | None = None,
    progress: Progress = _log.info,
    sets: tuple[NamedSet, ...] = NAMED_SETS,
) -> Path:
    """Return the verified file of a named data set; fetch it if it is not in the data folder.

    A file there with a wrong checksum is set aside as ``*.damaged`` and fetched again.

    Args:
        name: one of the names in ``sets``.
        data_dir: folder of data sets; the user's cache folder by default.
        from_file: read this file instead of the network: the file of the set, or an archive or table from one of its
            sources (for ``ml-100k`` the recbole wheel, GroupLens's zip, or its ``u.data``).
        progress: called with messages on the progress.
        sets: the known data sets.

    Raises:
        InputError: the name is unknown, or ``from_file`` is not that data set.
        EnvironmentProblem: no source provided the file, or the data folder cannot be written.
    """
    wanted = find_named(name, sets)
    folder = data_folder(data_dir)
    path = folder / wanted.file_name
    # Checked before taking the lock, so that a read-only folder works too.
    if from_file is None and _is_whole(path, wanted):
        return path
    with locked(path, progress):
        if from_file is not None:
            content = _from_file(from_file, wanted)
        elif _is_whole(path, wanted):
            return path
        else:
            if path.exists():
                set_aside(path, "its checksum is not that of the data set", then="fetched again", option="--data-dir")
            content = _from_sources(wanted, progress)
        write_atomically(path, content, option="--data-dir")
    progress(f"{name}: verified and kept as {path}")
    return path


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 checksum, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _is_whole(path: Path, wanted: NamedSet) -> bool:
    return path.is_file() and sha256_of(read_content(path)) == wanted.sha256


def _from_sources(wanted: NamedSet, progress: Progress) -> bytes:
    failures: list[str] = []
    for source in wanted.sources:
        try:
            content = source.fetch(progress)
        except DownloadError as problem:
            failures.append(f"{source}: {problem}")
        else:
            found = sha256_of(content)
            if found == wanted.sha256:
                return content
            failures.append(f"{source}: its sha256 is {found[:12]}..., not {wanted.sha256[:12]}...")
        progress(failures[-1])
    tried = "".join(f"\n  tried {failure}" for failure in failures)
    raise EnvironmentProblem(
        f"the data set {wanted.name} could not be fetched:{tried}\n"
        f"  connect to the network, or bring the file and run: ftr-study data get {wanted.name} --from FILE"
    )


def _from_file(path: Path, wanted: NamedSet) -> bytes:
    content = read_content(path)
    for candidate in (content, *(reading for source in wanted.sources for reading in source.readings(content))):
        if sha256_of(candidate) == wanted.sha256:
            return candidate
    raise InputError(
        f"{path} is not the data set {wanted.name}: its sha256 is {sha256_of(content)[:12]}..., not "
        f"{wanted.sha256[:12]}...; take the file from one of: {', '.join(map(str, wanted.sources))}"
    )
