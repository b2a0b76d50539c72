"""An index of few entries draws no line of FAISS, and saying nothing changes no bit."""

from __future__ import annotations

import subprocess
import sys

OURS = """
import sys
import faiss, numpy as np
from harness.recipe.seams.retrieval.index import IVFFlat
for n_entries in (1, 20, 400):
    keys = np.random.default_rng(0).normal(size=(n_entries, 16)).astype(np.float32)
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    index = IVFFlat(max_lists=4).over(keys, seed=3).faiss
    if sys.argv[1] == "plain":
        plain = faiss.IndexIVFFlat(faiss.IndexFlatIP(16), 16, index.nlist, faiss.METRIC_INNER_PRODUCT)
        plain.cp.seed, plain.nprobe = 3, index.nprobe
        plain.train(keys)
        plain.add(keys)
        index = plain
    cosine, entry = index.search(keys, 5)
    print(cosine.tobytes().hex(), entry.tobytes().hex())
"""


def told(which: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", OURS, which], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_a_memory_of_few_entries_draws_no_line_of_faiss_and_every_memory_gives_the_same_bits() -> None:
    (plain, warned), (ours, silent) = told("plain"), told("ours")
    assert "WARNING clustering" in warned  # else this test has nothing to hold
    assert silent == ""
    assert ours == plain
