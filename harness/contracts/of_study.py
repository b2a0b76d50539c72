"""The contract of the plug-ins that a study names, checked before it runs, once per version of their source."""

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
    """Hold every remedy that a plug-in brings to the contract, unless this version of it was seen to keep it.

    Args:
        study: as read.
        folder: such as ``runs/.cache``; what has kept the contract is remembered there.
        tell: told of every check that takes its seconds.

    Raises:
        StudyFileError: a remedy breaks a promise; at the line of the first arm that names it.
    """
    stacks = [("base", study.base), *((f"arms.{row.arm}", row.stack) for row in study.rows)]
    named: dict[type[Intervention], str] = {}
    for key, stack in stacks:
        for each in stack:
            if type(each) not in CATALOGUE and not isinstance(each, BackboneChoice):  # check_backbone tests those
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
    """A hash of the plug-in's source and of what it is checked with."""
    parts = (kind.__module__, kind.__qualname__, kind.id, foreign_hash({kind.__module__}))
    decisive = (parts, key_versions(), package_versions()["ftr-study"])
    return hashlib.sha256(repr(decisive).encode()).hexdigest()[:24]


def _broken(kind: type[Intervention]) -> str:
    """The promise that a remedy breaks; empty where it keeps all."""
    from harness.contracts.intervention import check_contract  # it loads torch, which other studies need not wait for

    try:
        check_contract(kind)
    except ContractError as problem:
        return str(problem)
    except Exception as problem:  # noqa: BLE001 - a plug-in may raise anything
        return f"{kind.id} fails at its defaults: {type(problem).__name__}: {problem}"
    return ""
