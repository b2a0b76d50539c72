"""The command: the same result from any number of workers, one file, one message for a bad study."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness import cli
from harness.audit.command import AuditOptions, audit_study
from harness.audit.table import audit_text
from harness.backbones.duorec.backbone import DuoRec
from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant
from harness.errors import InputError
from harness.results.audit import FILE, Audit, Audited, Measured, NotTried, Rung, Trial, read_audit, write_audit
from harness.study.study import load_study

SMALL = DuoRec(batch_tokens=256, warmup_epochs=1, decay_visits=40, visits=60)

STUDY = """\
name: small
data: {path: world.txt, format: sequences, min_interactions: 1}
base: [wiring.cosine]
arms: {reverse: kl.reverse}
"""

FIGURES = {"temperature.effective_neighbours": 1.02, "temperature.logit_range": None}


def trial(value: float, training: Rung, reach: Rung, users_moved: float = 0.0) -> Trial:
    found = Measured(
        training=training,
        reach=reach,
        neighbours=reach >= Rung.NEIGHBOURS,
        users_moved=users_moved,
        hits_moved=users_moved / 2.0,
        gradient_change=None,
        figures=FIGURES,
    )
    return Trial(value=value, found=found)


AUDIT = Audit(
    study="small",
    base=("wiring.cosine",),
    recipe={"batch_size": "1024"},
    data={"name": "world", "fingerprint": "f", "n_users": 9, "n_prefixes": 80},
    sample={"n_users": 5, "n_prefixes": 40},
    backbone="b",
    epochs=2,
    replicate=0,
    figures=FIGURES,
    parameters=(
        Audited(name="a.live", alias="", value=1, trials=(trial(2, Rung.GRADIENT, Rung.RANKS, 0.4),)),
        Audited(name="b.scores", alias="alpha", value=0.1, trials=(trial(0.2, Rung.LOSS, Rung.RANKS, 0.1),)),
        Audited(name="c.dead", alias="", value=4, trials=(trial(2, Rung.DEAD, Rung.DEAD),)),
        Audited(name="d.odd", alias="", value="x", trials=(), not_tried=(NotTried(value=None, reason="no\nmore"),)),
        Audited(name="temperature.t", alias="", value=0.07, trials=(trial(0.2, Rung.GRADIENT, Rung.RANKS, 0.3),)),
    ),
    without_parameters=("keys",),
    seconds=1.5,
)


def test_an_audit_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_audit(tmp_path) is None
    assert write_audit(tmp_path, AUDIT).name == FILE
    assert read_audit(tmp_path) == AUDIT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "damaged"),
        (b"[]", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b'{"schema_version": 99}', r"another version \(schema_version: .*1\)"),
        (json.dumps({**json.loads(AUDIT.to_json()), "parameters": [{}]}).encode(), "damaged"),
        (json.dumps({**json.loads(AUDIT.to_json()), "more": 1}).encode(), "damaged"),
    ],
)
def test_a_damaged_audit_or_another_version_s_is_one_message_with_the_file(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        read_audit(tmp_path)
    assert str(tmp_path / FILE) in str(raised.value)


def test_the_table_begins_with_the_dead_and_hides_nothing() -> None:
    text = audit_text(AUDIT)
    lines = text.splitlines()
    assert "no effect at all: c.dead" in lines
    assert "affect more than the log but not training: b.scores (alpha)" in lines
    assert any("one-hot" in line and line.endswith("temperature.t 0.07, 0.2; spread at none") for line in lines)
    first = lines.index(next(line for line in lines if line.startswith("parameter ")))
    names = [line.split()[0] for line in lines[first + 1 : first + 5]]
    assert names == ["c.dead", "b.scores", "temperature.t", "a.live"]
    assert "  d.odd: no" in lines
    assert "5 of 9 users" in text
    assert "seams without a parameter: keys" in text


def test_a_study_with_a_mistake_ends_in_its_message_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("world.txt").write_text("u i1 i2 i3 i4 i5\n", encoding="utf-8")
    Path("bad.yaml").write_text(STUDY.replace("kl.reverse", "kl.revers"), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["ftr-study", "audit", "bad.yaml"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "bad.yaml:4: arms.reverse: unknown intervention 'kl.revers'; did you mean kl.reverse?" in said.err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad.yaml", "world.txt"]


@pytest.mark.slow
def test_one_and_two_workers_find_the_same_to_the_last_bit(tmp_path: Path) -> None:
    world = PlantedWorld(n_users=120, n_items=60, mean_length=14.0, group_size=6)
    write_sequences(plant(world).interactions, tmp_path / "world.txt")
    (tmp_path / "small.yaml").write_text(STUDY, encoding="utf-8")
    study = load_study(tmp_path / "small.yaml")
    told: list[str] = []
    runs: list[tuple[int, int]] = []
    audits = [
        audit_study(
            study,
            AuditOptions(out=tmp_path / "runs", workers=workers, n_users=40, data_dir=tmp_path),
            told.append,
            done=lambda finished, total: runs.append((finished, total)),
            spec=SMALL,
        )
        for workers in (1, 2)
    ]
    assert replace(audits[0], seconds=0.0) == replace(audits[1], seconds=0.0)
    assert read_audit(tmp_path / "runs" / "small") == audits[1]
    assert audits[0].sample["n_users"] == 40
    assert audits[0].base == ("Cosine()",)
    assert runs[-1][0] == runs[-1][1] == sum(len(each.trials) for each in audits[0].parameters) + 1
    assert any("40 of 120 users" in line for line in told)
