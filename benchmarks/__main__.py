"""Run every stage against its peers: ``python -m benchmarks``.

Each side of a stage runs in its own process, in turns with the other. Rows are written to one JSON file; rows of stages
that do not run now are kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.beside_table import beside_lines
from benchmarks.machine import load_average, session
from benchmarks.results import Results
from benchmarks.stages import STAGES, chosen
from benchmarks.stages.base import Setting
from benchmarks.table import line, write_readme

HERE = Path(__file__).parent


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--list", action="store_true", help="name the stages and end")
    options.add_argument("--stage", nargs="+", metavar="NAME", help="run these alone")
    options.add_argument("--long", action="store_true", help="run the stages that take many minutes as well")
    options.add_argument("--rounds", type=int, help="rounds of every stage, instead of each one's own number")
    options.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="of pretraining and encoding")
    options.add_argument(
        "--minutes",
        type=float,
        help="CPU minutes of RecBole's models; inf: their own end (default: those of ours, at least)",
    )
    options.add_argument("--data-dir", type=Path, help="folder of named data sets (default: the user's cache folder)")
    options.add_argument("--peers", type=Path, help="folder of RecBole's environment (default: in the user's cache)")
    options.add_argument(
        "--backbone", action="append", default=[], metavar="DATA=FILE", help="a checkpoint instead of a brief training"
    )
    options.add_argument("--out", type=Path, default=HERE / "results.json", help="the JSON file (default: %(default)s)")
    options.add_argument("--write-readme", action="store_true", help="put the table into benchmarks/README.md")
    return options


def main() -> int:
    """Run the chosen stages; return 1 if a side failed with an error of its own."""
    asked = parser().parse_args()
    if asked.list:
        for stage in STAGES:
            print(f"{stage.name}{' (long)' if stage.long else ''}")
        return 0
    if asked.rounds is not None and asked.rounds < 1:
        parser().error(f"--rounds {asked.rounds}: give 1 or more")
    if asked.minutes is not None and not asked.minutes > 0:
        parser().error(f"--minutes {asked.minutes}: give more than 0")
    try:
        stages = chosen(asked.stage, long=asked.long)
        results = Results.read(asked.out)
        backbones = dict(backbone(each) for each in asked.backbone)
    except ValueError as problem:
        parser().error(str(problem))
    here, failed = session(), False
    with tempfile.TemporaryDirectory(prefix="ftr-benchmarks-") as scratch:
        setting = Setting(
            data_dir=asked.data_dir and asked.data_dir.resolve(),
            peers=asked.peers and asked.peers.resolve(),
            backbones=backbones,
            scratch=Path(scratch),
            rounds=asked.rounds,
            threads=asked.threads,
            minutes=asked.minutes,
        )
        for stage in stages:
            load, began = load_average(), time.monotonic()
            rows = [replace(row, load=load) for row in stage.run(setting)]
            took = time.monotonic() - began
            order = [each.name for each in STAGES]
            results = results.with_stage(stage.name, rows, session=here, took_s=took, order=order)
            asked.out.write_text(results.as_json(), encoding="utf-8")
            failed |= any(row.problem.startswith("FAILED") for row in rows)
            for row in rows:
                print(line(row))
            print("\n".join(beside_lines(rows)), end="")
            print(f"  {stage.name} took {took:.0f} s", flush=True)
    if asked.write_readme:
        write_readme(HERE / "README.md", Results.read(asked.out))
    return int(failed)


def backbone(text: str) -> tuple[str, Path]:
    """Parse ``DATA=FILE``.

    Raises:
        ValueError: the text has another form, or the file does not exist.
    """
    data, equals, path = text.partition("=")
    if not equals or not Path(path).is_file():
        raise ValueError(f"--backbone {text}: give DATA=FILE with the path of a checkpoint")
    return data, Path(path).resolve()


if __name__ == "__main__":
    sys.exit(main())
