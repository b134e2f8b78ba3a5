from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from goodfit.errors import InputError, MachineError
from goodfit.files import check_output, data_name, write_atomically


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("wine.csv", "wine"),
        ("WineQT.CSV", "WineQT"),
        ("a/b/wine.v2.csv.gz", "wine.v2"),
        ("readings.parquet", "readings"),
        ("readings", "readings"),
        (".", "data"),
        ("/", "data"),
        ("", "data"),
    ],
)
def test_data_are_called_by_their_files_name_without_its_kind(path, name):
    assert data_name(path) == name


def test_a_file_is_written_with_its_folders(tmp_path):
    path = tmp_path / "new" / "deep" / "x.txt"
    write_atomically(path, "añil\n")
    assert path.read_bytes() == "añil\n".encode()
    write_atomically(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_file_has_the_usual_mode_and_keeps_the_one_it_had(tmp_path):
    path = tmp_path / "x"
    write_atomically(path, "1")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    path.chmod(0o640)
    write_atomically(path, "2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("failing", ["fsync", "replace", "mkstemp", "mkdir"])
@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, failing, there):
    path = tmp_path / "x.csv"
    if there:
        path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    home = {"fsync": "os.fsync", "mkstemp": "tempfile.mkstemp"}
    monkeypatch.setattr(home.get(failing, f"pathlib.Path.{failing}"), full)
    with pytest.raises(MachineError, match=r"x\.csv could not be written \(No space left on device\)"):
        write_atomically(path, "new")
    monkeypatch.undo()
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == ([("x.csv", "old")] * there)


def test_an_output_that_cannot_be_written_is_refused_beforehand(tmp_path):
    (tmp_path / "there.csv").write_text("1")
    with pytest.raises(InputError, match=r"there\.csv exists; choose another file"):
        check_output(tmp_path / "there.csv", force=False)
    check_output(tmp_path / "there.csv", force=True)
    check_output(tmp_path / "not" / "yet" / "x.csv", force=False)
    with pytest.raises(InputError, match="is a folder"):
        check_output(tmp_path, force=True)
    with pytest.raises(InputError, match="Not a directory"):
        check_output(tmp_path / "there.csv" / "x.csv", force=False)
    with pytest.raises(InputError, match="cannot be written"):
        check_output(tmp_path / ("x" * 400), force=False)


def test_an_output_in_a_folder_that_may_not_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(InputError, match=r"x\.csv cannot be written \(Permission denied\)"):
        check_output(tmp_path / "x.csv", force=False)
