"""The command ``ftr-study`` and its Python names, under a name that no other project has.

``harness`` and ``reports`` are also what people call folders of their own. Importing this module puts the packages of
ftr-study before such a folder on ``sys.path``, in this process and in its workers:

>>> from ftr_study import load_study
"""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
_PACKAGES = ("harness", "reports")


def _demote_shadowing_folders() -> None:
    """Move folders that hold a package of the same name behind ours.

    Raises:
        ImportError: a package of the same name has been imported already.
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
    if ours is None:  # a loader that knows no folders, such as that of a zip
        return
    before = [entry for entry in sys.path[:ours] if any(_holds(Path(entry), name) for name in _PACKAGES)]
    sys.path[:] = [entry for entry in sys.path[: ours + 1] if entry not in before] + before + sys.path[ours + 1 :]


def _holds(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


_demote_shadowing_folders()

import harness  # noqa: E402 - found only after the folders that shadow it have moved


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
