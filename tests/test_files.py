from pathlib import Path

import pytest

from segmint.errors import DataError, StorageError
from segmint.files import replace_file, room_in, write_beside

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line_that_names_the_folder(tmp_path):
    with pytest.raises(StorageError) as caught, room_in(tmp_path / "not made yet", tmp_path):
        FULL.write_text("one byte")
    assert str(caught.value).startswith(f"the disk of {tmp_path}/not made yet is full. Free space there and run again")


def test_other_errors_pass_unchanged(tmp_path):
    with pytest.raises(FileNotFoundError), room_in(tmp_path):
        (tmp_path / "absent").read_text()
    with pytest.raises(DataError, match="own"), room_in(tmp_path):
        raise DataError("own")


def test_a_file_that_cannot_be_written_whole_is_as_it_was(tmp_path):
    target = tmp_path / "contract.json"
    replace_file(target, "whole")

    def half(beside):
        beside.write_text("ha")
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        write_beside(target, half)
    assert target.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["contract.json"]
