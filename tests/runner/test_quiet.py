"""Libraries print nothing between this program's lines, and saying nothing changes no result."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
from harness.recipe.seams.retrieval.index import IVFFlat
from harness.runner.quiet import quiet_faiss
if sys.argv[1] == "quiet":
    quiet_faiss()
    quiet_faiss()
for n_entries in (1, 20, 400):
    keys = np.random.default_rng(0).normal(size=(n_entries, 16)).astype(np.float32)
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    cosine, entry = IVFFlat(max_lists=4).over(keys, seed=3).search(keys, keys, 5)
    print(cosine.tobytes().hex(), entry.tobytes().hex())
"""


def told(how: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_a_memory_of_few_entries_draws_no_line_of_faiss_and_every_memory_gives_the_same_bits() -> None:
    (plain, warned), (quiet, silent) = told("plain"), told("quiet")
    assert "WARNING clustering" in warned  # else this test has nothing to hold
    assert silent == ""
    assert quiet == plain
