"""One log in every form in which people have it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd

ROWS = pd.DataFrame(
    {
        "user_id": [f"{user:03d}" for user in range(9) for _ in range(8)],
        "item_id": [(3 * user + step * step) % 7 for user in range(9) for step in range(8)],
        "timestamp": [1_400_000_000 + 86_400 * ((5 * step) % 8) for _ in range(9) for step in range(8)],
    }
)
"""Ids with leading zeros, items as numbers, rows out of time order."""

HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"


def write_all(folder: Path, name: str = "log") -> dict[str, Path]:
    """The log as files called ``name`` in folders of their own, and what each form is called."""
    dated = ROWS.assign(timestamp=pd.to_datetime(ROWS["timestamp"], unit="s"))
    lines = [f"{user}::{item}::4::{time}\n" for user, item, time in ROWS.itertuples(index=False)]
    json_lines = str(ROWS.to_json(orient="records", lines=True)).encode()
    tabs = ROWS.to_csv(index=False, sep="\t", header=False)
    contents = {
        "CSV": (".csv", ROWS.to_csv(index=False).encode()),
        "CSV of Windows": (".csv", ("\ufeff" + ROWS.to_csv(index=False)).replace("\n", "\r\n").encode()),
        "quoted CSV": (".csv", ROWS.to_csv(index=False, quoting=1).encode()),
        "CSV with dates": (".csv", dated.to_csv(index=False).encode()),
        "CSV in ms": (".csv", ROWS.assign(timestamp=ROWS["timestamp"] * 1000).to_csv(index=False).encode()),
        "CSV in ns": (".csv", ROWS.assign(timestamp=ROWS["timestamp"] * 10**9).to_csv(index=False).encode()),
        "CSV with floats": (".csv", ROWS.astype({"item_id": float, "timestamp": float}).to_csv(index=False).encode()),
        "TSV": (".tsv", ROWS.to_csv(index=False, sep="\t").encode()),
        "gzip": (".csv.gz", gzip.compress(ROWS.to_csv(index=False).encode())),
        "JSON lines": (".jsonl", json_lines),
        "JSON lines, gzip": (".json.gz", gzip.compress(json_lines)),
        "ratings.dat": (".dat", "".join(lines).encode()),
        "u.data": (".data", tabs.replace("\t14", "\t4\t14").encode()),
        "RecBole": (".inter", (HEADER + tabs).encode()),
        "RecBole, gzip": (".inter.gz", gzip.compress((HEADER + tabs).encode())),
        "Parquet": (".parquet", ROWS.to_parquet()),
        "Parquet with dates": (".parquet", dated.to_parquet()),
        "Parquet with categories": (".parquet", ROWS.astype({"user_id": "category"}).to_parquet()),
        "Parquet with floats": (".parquet", ROWS.astype({"item_id": float}).to_parquet()),
    }
    paths: dict[str, Path] = {}
    for form, (suffix, content) in contents.items():
        paths[form] = folder / form / f"{name}{suffix}"
        paths[form].parent.mkdir(parents=True)
        paths[form].write_bytes(content)
    paths["Feather"] = folder / "Feather" / f"{name}.feather"
    paths["Feather"].parent.mkdir()
    ROWS.to_feather(paths["Feather"])
    return paths
