"""Changes to a storage's tables that Optuna itself does not offer: parameter distributions, many attributes at once.

Optuna fixes the choices of a parameter with its first trial and does not change a trial that has ended. A study's arms
can change from run to run, so parameters are written here to Optuna's own tables, each change in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import StudySystemAttributeModel, TrialModel, TrialParamModel
from sqlalchemy import delete, insert, select, update

from harness.runner.optuna.cells import Value, encoded


def reshape(database: RDBStorage, study: int, shape: Mapping[str, BaseDistribution]) -> None:
    """Set the parameter distributions of every trial; the values do not change.

    Args:
        study: id of the study.
        shape: name -> distribution, wide enough for every value that a trial has.

    Raises:
        SQLAlchemyError: the storage cannot be written.
    """
    named, value, kind = TrialParamModel.param_name, TrialParamModel.param_value, TrialParamModel.distribution_json
    own = TrialParamModel.trial_id.in_(select(TrialModel.trial_id).where(TrialModel.study_id == study))
    wanted = {name: distribution_to_json(each) for name, each in shape.items()}
    with database.engine.begin() as connection:
        for name, number, before in connection.execute(select(named, value, kind).where(own).distinct()).all():
            if wanted.get(name, before) != before:
                shown = json_to_distribution(before).to_external_repr(number)
                changed = shape[name].to_internal_repr(encoded(shown, shape[name]))
                connection.execute(
                    update(TrialParamModel)
                    .where(own, named == name, value == number, kind == before)
                    .values(param_value=changed, distribution_json=wanted[name])
                )


def set_parameters(
    database: RDBStorage, trial: int, values: Mapping[str, Value], shape: Mapping[str, BaseDistribution]
) -> None:
    """Set the parameters of a trial, even if it has ended.

    Args:
        trial: id of the trial.

    Raises:
        SQLAlchemyError: the storage cannot be written.
    """
    rows = [
        {
            "trial_id": trial,
            "param_name": name,
            "param_value": shape[name].to_internal_repr(value),
            "distribution_json": distribution_to_json(shape[name]),
        }
        for name, value in values.items()
    ]
    with database.engine.begin() as connection:
        connection.execute(delete(TrialParamModel).where(TrialParamModel.trial_id == trial))
        connection.execute(insert(TrialParamModel), rows)


def set_system_attributes(database: RDBStorage, study: int, values: Mapping[str, Any]) -> None:
    """Set many system attributes of a study at once; ``RDBStorage.set_study_system_attr`` sets only one.

    Args:
        study: id of the study.

    Raises:
        SQLAlchemyError: the storage cannot be written.
    """
    import json

    key = StudySystemAttributeModel.key
    own = StudySystemAttributeModel.study_id == study
    with database.engine.begin() as connection:
        there = set(connection.execute(select(key).where(own)).scalars())
        for name, value in values.items():
            if name in there:
                connection.execute(
                    update(StudySystemAttributeModel).where(own, key == name).values(value_json=json.dumps(value))
                )
        new = [
            {"study_id": study, "key": name, "value_json": json.dumps(value)}
            for name, value in values.items()
            if name not in there
        ]
        if new:
            connection.execute(insert(StudySystemAttributeModel), new)
