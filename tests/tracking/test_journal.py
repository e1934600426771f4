import json
import resource

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmint.errors import StorageError
from segmint.tracking.journal import FILE, Journal

NUMBERS = st.floats(allow_nan=False)
LINES = st.lists(st.tuples(st.text(min_size=1), NUMBERS, st.integers(0, 10**9)), min_size=1, max_size=4)


def rest(journal):
    entries = []
    while (entry := journal.first()) is not None:
        entries.append(entry)
        journal.delivered(entry)
    return entries


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(LINES, min_size=1, max_size=6), data=st.data())
def test_a_process_killed_at_any_byte_loses_at_most_the_line_it_was_writing(tmp_path_factory, told, data):
    folder = tmp_path_factory.mktemp("run")
    journal = Journal.open(folder)
    for line in told:
        journal.write([("metrics", line)])
    content = (folder / FILE).read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    (folder / FILE).write_bytes(content[:cut])
    kept = content[:cut].count(b"\n")

    again = Journal.open(folder)
    again.write([("tags", {"after": "the cut"})])

    expected = [[list(metric) for metric in line] for line in told[:kept]] + [{"after": "the cut"}]
    entries = rest(Journal.open(folder))
    assert [entry.content for entry in entries] == expected
    assert [entry.number for entry in entries] == list(range(kept + 1))


def test_what_the_store_has_is_not_told_again(tmp_path):
    journal = Journal.open(tmp_path)
    journal.write([("metrics", [["val_loss", value, step]]) for step, value in enumerate((0.9, 0.5, 0.25), 1)])
    journal.delivered(journal.first())
    assert [entry.content for entry in rest(Journal.open(tmp_path))] == [
        [["val_loss", 0.5, 2]],
        [["val_loss", 0.25, 3]],
    ]
    assert Journal.open(tmp_path).first() is None


def test_what_was_refused_keeps_its_place_and_holds_nothing_back(tmp_path):
    journal = Journal.open(tmp_path)
    journal.write([("tags", {"name": name}) for name in "abcd"])
    journal.delivered(journal.first())
    journal.refused(journal.first())
    assert [entry.content["name"] for entry in rest(journal)] == ["c", "d"]
    assert journal.pending() == "1 tag"
    # a later process tells again what is behind it, which changes nothing in the store
    assert [entry.content["name"] for entry in rest(Journal.open(tmp_path))] == ["b", "c", "d"]
    journal.reconsider()
    assert [entry.content["name"] for entry in rest(journal)] == ["b"]
    assert Journal.open(tmp_path).first() is None


def test_not_a_number_and_infinity_survive(tmp_path):
    Journal.open(tmp_path).write([("metrics", [["a", float("nan"), 0], ["b", float("inf"), 0]])])
    (_, nan, _), (_, infinite, _) = Journal.open(tmp_path).first().content
    assert nan != nan
    assert infinite == float("inf")


def test_the_pending_sentence_counts_what_people_count(tmp_path):
    journal = Journal.open(tmp_path)
    assert journal.pending() == ""
    journal.write([("metrics", [["a", 1.0, 1], ["b", 2.0, 1]]), ("metrics", [["a", 1.0, 2]])])
    assert journal.pending() == "3 metrics"
    journal.write([("file", {}), ("model", {}), ("status", {})])
    assert journal.pending() == "3 metrics, 1 file, the registration and the status"


def test_a_disk_that_fills_up_in_the_middle_of_a_line_leaves_the_file_as_it_was(tmp_path):
    """A limit on the size of files stands for the disk: the write stops after ten bytes."""
    journal = Journal.open(tmp_path)
    journal.write([("tags", {"before": "1"})])
    size = (tmp_path / FILE).stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"journal\.jsonl cannot be written: .*\. Free space for"):
            journal.write([("tags", {"lost": "1"})])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / FILE).stat().st_size == size
    journal.write([("tags", {"after": "1"})])
    lines = (tmp_path / FILE).read_text().splitlines()
    assert [json.loads(line)["content"] for line in lines] == [{"before": "1"}, {"after": "1"}]
