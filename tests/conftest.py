"""What every test may ask for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# One thread a process, as a cell has: bits that tests compare would otherwise hang on which test came before.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import harness  # noqa: F401 - before any test loads torch: it tells OpenMP's threads not to spin for long

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.runner.kept import KeptWorkers

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Files go to xdist's workers as ``testpaths`` has them: doctests come last, so that no core waits for a long file.

    Not an option in pyproject.toml, which would make every call of pytest need xdist.
    """
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets that lies beside a developer's checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the data sets in ../shared/data, which this machine does not have")
    return SHARED_DATA


@pytest.fixture(scope="session")
def all_kept_workers() -> Iterator[KeptWorkers]:
    """Worker processes that wait for the next run of any test."""
    from tests.runner.kept import KeptWorkers

    kept = KeptWorkers()
    yield kept
    kept.close()


@pytest.fixture
def kept_workers(all_kept_workers: KeptWorkers) -> Iterator[None]:
    """Runs of this test take workers that those of earlier tests left."""
    with all_kept_workers.used():
        yield


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of a file that open pages."""
    from tests.reports import browser

    with browser.chromium() as found:
        yield found
