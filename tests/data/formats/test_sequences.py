from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.events import Events, assemble
from harness.data.formats.base import Columns
from harness.data.formats.sequences import Sequences, write_sequences
from harness.data.formats.table import MISSING
from harness.data.planted import PlantedWorld, plant
from harness.errors import InputError

PATH = Path("log.txt")

ids = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\t\n\r \0\ufeff;,|"), min_size=1, max_size=6
).filter(lambda text: text not in MISSING)


def parse(content: bytes, path: Path = PATH) -> Events:
    return Sequences().read(content, path, Columns())


@given(st.dictionaries(ids, st.lists(ids, max_size=6), min_size=1, max_size=8), st.sampled_from([" ", "\t", "  "]))
def test_what_is_written_is_read(sequences: dict[str, list[str]], separator: str):
    text = "\n".join(separator.join([user, *items]) for user, items in sequences.items())

    events = parse(text.encode(), PATH)

    read: dict[str, list[str]] = {user: [] for user in events.user_labels}
    for user, item in zip(map(int, events.user), map(int, events.item), strict=True):
        read[events.user_labels[user]].append(events.item_labels[item])
    assert read == sequences


@given(st.binary(max_size=120))
def test_hostile_content_is_read_or_refused_with_the_files_name(content: bytes):
    try:
        events = parse(content, PATH)
    except InputError:
        with pytest.raises(InputError, match=r"log\.txt"):
            parse(content, PATH)
    else:
        assert len(events.user) == len(events.item)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "log.txt is empty"),
        ("a 1 2 3\n\nb 1\n", "log.txt, line 2: empty"),
        ("a 1 2\nb NA 1\nc 2 nan\n", "log.txt, lines 2, 3: 'NA' for a missing value; remove it"),
        ("a 1 2\nb 1\na 3\n", "log.txt, lines 1, 3: both begin with user 'a'"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, said: str):
    with pytest.raises(InputError, match=said):
        parse(text.encode(), PATH)


def test_a_written_data_set_reads_back_with_the_same_fingerprint(tmp_path: Path):
    world = plant(PlantedWorld(n_users=60, n_items=40)).interactions
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    write_sequences(world, first)
    read = assemble(parse(first.read_bytes(), first), name="a", source="a", min_interactions=1)
    write_sequences(read, second)
    again = assemble(parse(second.read_bytes(), second), name="b", source="b", min_interactions=1)

    assert first.read_bytes() == second.read_bytes()
    assert read.fingerprint() == again.fingerprint()
    assert read.lengths.tolist() == world.lengths.tolist()
