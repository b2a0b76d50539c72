"""Contract checks of the plug-ins that a study names, before it runs, once per version of their source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from harness.errors import ContractError
from harness.files import Sealed
from harness.interventions import CATALOGUE
from harness.interventions.backbone import BackboneChoice
from harness.interventions.base import Intervention
from harness.provenance import key_versions, package_versions
from harness.source_hash import foreign_hash
from harness.study.mistakes import Problem, StudyFileError
from harness.study.types import Study

_SKIP = "--no-contract skips this check; in Python: contract=False"
_KEPT = Sealed(title="contract 1", encode=str.encode, decode=bytes.decode, then="checked again")


def check_plugins(study: Study, folder: Path, tell: Callable[[str], None]) -> None:
    """Check each plug-in remedy of a study against the contract, unless this version of it has already passed.

    Args:
        study: the study.
        folder: cache folder that records passed checks, such as ``runs/.cache``.
        tell: called with a line of text before each check, since a check takes seconds.

    Raises:
        StudyFileError: a remedy violates the contract; names the line of the first arm that uses it.
    """
    stacks = [("base", study.base), *((f"arms.{row.arm}", row.stack) for row in study.rows)]
    named: dict[type[Intervention], str] = {}
    for key, stack in stacks:
        for each in stack:
            if type(each) not in CATALOGUE and not isinstance(each, BackboneChoice):  # check_backbone covers those
                named.setdefault(type(each), key)
    problems: list[Problem] = []
    for kind, key in named.items():
        kept = folder / "contracts" / f"{_version(kind)}.contract"
        if _KEPT.read(kept) is None:
            tell(f"checking that {kind.id} keeps the contract of remedies, once per version of its source")
            broken = _broken(kind)
            if broken:
                problems.append(study.problem(key, "contract", f"{broken}; {_SKIP}"))
            else:
                _KEPT.write(kept, kind.id)
    if problems:
        raise StudyFileError(problems)


def _version(kind: type[Intervention]) -> str:
    """A hash of the plug-in's source and the package versions of the check."""
    parts = (kind.__module__, kind.__qualname__, kind.id, foreign_hash({kind.__module__}))
    decisive = (parts, key_versions(), package_versions()["ftr-study"])
    return hashlib.sha256(repr(decisive).encode()).hexdigest()[:24]


def _broken(kind: type[Intervention]) -> str:
    """The point of the contract that a remedy violates; empty if there is none."""
    from harness.contracts.intervention import check_contract  # loads torch, which other studies do not need yet

    try:
        check_contract(kind)
    except ContractError as problem:
        return str(problem)
    except Exception as problem:  # noqa: BLE001 - a plug-in may raise anything
        return f"{kind.id} fails at its defaults: {type(problem).__name__}: {problem}"
    return ""
