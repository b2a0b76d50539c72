"""The same page wherever it is drawn: nothing of the machine, the session or the user decides a byte of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from harness.errors import InputError
from harness.results.folder import StudyFolder
from harness.results.reading import read_frame
from reports.drawing.style import fixed_style
from reports.output.diagnosis.page import write_diagnosis
from reports.output.files import write_report
from tests.reports import worlds
from tests.reports.diagnosed import AS_FOUND, diagnose
from tests.reports.worlds import study

ROOT = Path(__file__).parents[3]
DRAW = """
import hashlib, os, sys
from pathlib import Path
from harness.results.folder import StudyFolder
from reports.output.files import write_report
before = dict(os.environ)
page = write_report(StudyFolder(Path(sys.argv[1])))
assert dict(os.environ) == before, "the environment has changed"
print(hashlib.sha256(page.read_bytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    folder = study(tmp_path_factory.mktemp("runs") / "tiny", {"helps": worlds.Arm(shift=0.3)}, n_users=60)
    diagnose(folder, {"base": AS_FOUND, "helps": AS_FOUND})
    return folder


def digest(folder: StudyFolder) -> str:
    return hashlib.sha256(write_report(folder).read_bytes()).hexdigest()


def drawn_in(folder: StudyFolder, cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MPL", "XDG", "LC_", "LANG"))}
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(folder.path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_mplbackend_of_a_notebook_and_a_matplotlibrc_with_usetex_change_no_byte(
    folder: StudyFolder, tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nsavefig.bbox: tight\nlines.linewidth: 9\nno such: key\n")
    notebook = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    assert drawn_in(folder, tmp_path, **notebook) == digest(folder)


def test_no_home_to_write_to_and_another_locale_change_no_byte(folder: StudyFolder, tmp_path: Path) -> None:
    gone = {"HOME": "/nonexistent", "LANG": "de_DE.UTF-8", "LC_ALL": "C", "PYTHONHASHSEED": "0", "TZ": "UTC"}
    rc = tmp_path / "elsewhere"
    rc.write_text("axes.formatter.use_locale: True\nfont.family: serif\nsvg.fonttype: path\n")
    assert drawn_in(folder, tmp_path, **gone, MATPLOTLIBRC=str(rc), MPLBACKEND="agg") == digest(folder)


def test_settings_of_a_session_that_uses_matplotlib_neither_matter_nor_change(folder: StudyFolder) -> None:
    plain = digest(folder)
    theirs: Any = {"lines.linewidth": 9.0, "font.size": 30.0, "axes.facecolor": "red", "text.usetex": True}
    with mpl.rc_context(theirs):
        before = settings()
        assert digest(folder) == plain
        assert settings() == before
        with fixed_style():
            assert mpl.rcParams["text.usetex"] is False
        assert settings() == before


def settings() -> dict[str, object]:
    return dict(dict.items(mpl.rcParams))  # asking for the backend by its name would choose one


def files(folder: StudyFolder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.path.iterdir()}


def test_report_without_records_is_refused_and_files_stay(tmp_path: Path) -> None:
    whole = study(tmp_path / "tiny", {"helps": worlds.Arm(shift=0.3)}, n_users=60)
    diagnose(whole, {"base": AS_FOUND})
    write_report(whole)
    write_diagnosis(whole)
    before = files(whole)
    keys = {row.name: row.keys for row in whole.manifest().rows}
    (whole.records.folder / f"{whole.manifest().rows[0].diagnoses[0]}.diagnosis").unlink()
    with pytest.raises(InputError, match=r"diagnoses of .*tiny are gone .*, 1 in all \(base, replicate 0\)"):
        write_report(whole)
    with pytest.raises(InputError, match=r"diagnoses of .*copy the folder .records next to the study's folder"):
        write_diagnosis(whole)
    whole.records.path(keys["helps"][1]).unlink()
    with pytest.raises(InputError, match=r"records of .*tiny .*, 1 in all \(helps, replicate 1\); diagn") as one:
        write_report(whole)
    assert one.value.exit_status == 2
    for file in whole.records.folder.iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"9 in all \(base, replicate 0; base, replicate 1; .*; \.\.\.\)"):
        write_report(whole)
    assert files(whole) == before


def test_a_damaged_record_is_refused_too_and_a_notebook_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = study(tmp_path / "tiny", {"helps": worlds.Arm(shift=0.3)}, n_users=60)
    folder.records.path(folder.manifest().rows[2].keys[0]).write_bytes(b"cut short")
    assert read_frame(folder).replicates("helps") == (1, 2)
    assert "records of" in caplog.text
    assert "copy the folder .records" in caplog.text
    with pytest.raises(InputError, match="helps, replicate 0"):
        write_report(folder)
