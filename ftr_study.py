"""The command ``ftr-study`` and its Python names, under a module name that no other project uses.

Users may have their own folders named ``harness`` or ``reports``. Importing this module moves the packages of ftr-study
ahead of such folders on ``sys.path``, in this process and in its workers:

>>> from ftr_study import load_study
"""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
_PACKAGES = ("harness", "reports")


def _demote_shadowing_folders() -> None:
    """Move entries of ``sys.path`` that hold a package of the same name behind ours.

    Raises:
        ImportError: another package of the same name is already imported.
    """
    for name in _PACKAGES:
        loaded = sys.modules.get(name)
        found = [*getattr(loaded, "__path__", ()), getattr(loaded, "__file__", None) or ""]
        if loaded is not None and str(_ROOT / name) not in {str(Path(each).resolve()) for each in found}:
            raise ImportError(
                f"{found[0]} is imported as {name} and shadows ftr-study's package {_ROOT / name}; "
                "import ftr_study before it, or rename it"
            )
    ours = next((place for place, entry in enumerate(sys.path) if Path(entry).resolve() == _ROOT), None)
    if ours is None:  # our packages come from a loader without folders, such as zipimport
        return
    before = [entry for entry in sys.path[:ours] if any(_holds(Path(entry), name) for name in _PACKAGES)]
    sys.path[:] = [entry for entry in sys.path[: ours + 1] if entry not in before] + before + sys.path[ours + 1 :]


def _holds(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


_demote_shadowing_folders()

import harness  # noqa: E402 - must follow the reordering of sys.path


def main() -> None:
    """Run the command line."""
    from harness.cli import main as run

    run()


def __getattr__(name: str) -> object:
    return getattr(harness, name)


def __dir__() -> list[str]:
    return dir(harness)


if __name__ == "__main__":
    main()
