"""Parameters that train nothing, from the liveness audit beside a study."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.results.audit import Audit, Audited, Measured, Rung, Trial, write_audit
from reports.locale import load_catalogue
from reports.output.files import write_report
from reports.sections.assembly import render_html
from tests.reports.pages import rendered
from tests.reports.rebuild import rebuild_report
from tests.reports.worlds import Arm, study


def parameter(name: str, training: Rung, reach: Rung, *, alias: str = "", users_moved: float = 0.0) -> Audited:
    found = Measured(
        training=training,
        reach=reach,
        neighbours=False,
        users_moved=users_moved,
        hits_moved=0.0,
        gradient_change=None,
        figures={},
    )
    return Audited(
        name=name, alias=alias, value=0.15, trials=(Trial(value=0.3, found=found), Trial(value=0.5, found=found))
    )


def audit(*parameters: Audited) -> Audit:
    return Audit(
        study="audited",
        base=(),
        recipe={},
        data={"name": "ml-100k"},
        sample={},
        backbone="",
        epochs=2,
        replicate=0,
        figures={},
        parameters=parameters,
        without_parameters=(),
        seconds=3.0,
    )


def test_parameters_that_train_nothing_are_listed_the_dead_ones_first(tmp_path: Path) -> None:
    folder = study(tmp_path / "audited", {"a": Arm()}, n_users=60)
    write_audit(
        folder.path,
        audit(
            parameter("alignment_weight", Rung.GRADIENT, Rung.RANKS, users_moved=0.4),
            parameter("share.value", Rung.LOSS, Rung.RANKS, alias="alpha <b>", users_moved=0.021),
            parameter("refresh.every", Rung.DEAD, Rung.DEAD),
        ),
    )
    page, report = rendered(folder)
    liveness = report["why"]["liveness"]
    assert [each["name"] for each in liveness["idle"]] == ["refresh.every", "share.value"]
    assert (liveness["idle"][0]["reach"], liveness["idle"][1]["training"], liveness["idle"][1]["tried"]) == (
        "dead",
        "loss",
        "0.3, 0.5",
    )
    assert "changed 3 parameters of base one at a time: 2 of them have no effect on training" in page.text
    assert "2.1%" in page.text
    assert "alpha <b>" in page.text
    assert not [tag for tag, found in page.tags if tag == "b" and found]
    html = write_report(folder).read_text(encoding="utf-8")
    again = rebuild_report(json.loads((folder.path / "report.json").read_text(encoding="utf-8")))
    assert render_html(again, load_catalogue("en")) == html


def test_a_base_whose_parameters_all_train_something_has_no_table(tmp_path: Path) -> None:
    folder = study(tmp_path / "alive", {"a": Arm()}, n_users=60)
    write_audit(folder.path, audit(parameter("alignment_weight", Rung.GRADIENT, Rung.RANKS)))
    page, report = rendered(folder)
    assert report["why"]["liveness"]["idle"] == []
    assert "all of them affect training" in page.text
    assert "dead-table" not in page.ids


def test_a_study_that_was_not_audited_says_nothing_of_it_and_a_damaged_audit_is_refused(tmp_path: Path) -> None:
    folder = study(tmp_path / "none", {"a": Arm()}, n_users=60)
    _, report = rendered(folder)
    assert report["why"] is None
    (folder.path / "audit.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="audit the study again"):
        write_report(folder)
