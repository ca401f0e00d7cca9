# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of root's are written as a whole or not at all, and never through what somebody else put there."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _files
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder as root makes it."""
    folder = tmp_path / "own"
    assert _files.make_folder(str(folder))
    return folder


def test_a_file_is_read_as_it_was_written_and_readable_by_all(place: Path) -> None:
    path = place / "desired.json"
    assert _files.read(str(path)) is None
    _files.write(str(path), "one")
    _files.write(str(path), "two ü")
    assert _files.read(str(path)) == "two ü"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(place.iterdir()) == [path]


def test_a_folder_is_made_once_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert _files.make_folder(str(tmp_path / "new"))
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o755
    assert not _files.make_folder(str(tmp_path / "new"))
    with pytest.raises(FastpathError, match=r"a/b: No such file or directory \(ENOENT\)\. Make the folder above it first"):
        _files.make_folder(str(tmp_path / "a" / "b"))


def test_what_fails_within_puts_the_old_text_back(place: Path) -> None:
    path = str(place / "block.list")
    with pytest.raises(FastpathError, match="refused"), _files.replaced(path, "new"):
        assert _files.read(path) == "new"
        raise FastpathError("the kernel", "refused", "Try again")
    assert not os.path.exists(path)
    with _files.replaced(path, "first"):
        pass
    with pytest.raises(KeyboardInterrupt), _files.replaced(path, "second"):
        raise KeyboardInterrupt
    assert _files.read(path) == "first"
    with _files.replaced(path, "third"):
        pass
    assert os.listdir(place) == ["block.list"]


def test_what_a_killed_writer_left_is_in_nobodys_way(place: Path) -> None:
    for rest in ("block.list.new", "block.list.old"):
        (place / rest).write_text("half")
    path = str(place / "block.list")
    with _files.replaced(path, "whole"):
        pass
    assert (os.listdir(place), _files.read(path)) == (["block.list"], "whole")


def test_lines_are_added_below_a_torn_one_and_can_be_taken_back(place: Path) -> None:
    path = str(place / "changes.jsonl")
    assert _files.append(path, "one\n") == 0
    assert _files.append(path, "two", sync=False) == 4
    size = _files.append(path, "three\n")
    assert _files.read(path) == "one\ntwo\nthree\n"
    os.truncate(path, size)
    assert _files.read(path) == "one\ntwo"


def test_what_does_not_fit_is_not_added_at_all(place: Path) -> None:
    path = str(place / "changes.jsonl")
    _files.append(path, "one\n")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))  # as on a full disk, some of it can still be written
    try:
        with pytest.raises(FastpathError, match=r"changes.jsonl: File too large \(EFBIG\)"):
            _files.append(path, "two, and this is too much\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert _files.read(path) == "one\n"


def test_what_a_killed_writer_left_goes_with_the_file(place: Path) -> None:
    path = str(place / "block.list")
    for rest in ("", ".new", ".old"):
        (place / ("block.list" + rest)).write_text("half")
    assert _files.remove(path)
    assert os.listdir(place) == []


def test_removing_says_whether_there_was_a_file(place: Path) -> None:
    _files.write(str(place / "x"), "")
    assert (_files.remove(str(place / "x")), _files.remove(str(place / "x"))) == (True, False)
    with pytest.raises(FastpathError, match="EISDIR"):
        _files.remove(str(place))


def test_no_link_is_followed(place: Path, tmp_path: Path) -> None:
    target = tmp_path / "shadow"
    target.write_text("secret")
    (place / "x").symlink_to(target)
    for act in (_files.read, lambda path: _files.append(path, "line\n")):
        with pytest.raises(FastpathError, match=r"x: Too many levels of symbolic links \(ELOOP\)"):
            act(str(place / "x"))
    _files.write(str(place / "x"), "mine")
    assert (target.read_text(), (place / "x").is_symlink()) == ("secret", False)
    (tmp_path / "linked").symlink_to(place)
    with pytest.raises(FastpathError, match="it has to be a folder that belongs to root"):
        _files.write(str(tmp_path / "linked" / "y"), "")
    with pytest.raises(FastpathError, match="it has to be a folder"):
        _files.make_folder(str(tmp_path / "linked"))


def test_what_others_could_have_written_is_refused(place: Path, real_host: None) -> None:
    path = place / "allow.list"
    path.write_text("192.0.2.1\n")
    path.chmod(0o666)
    with pytest.raises(FastpathError, match=r"only root can write to\. Give it to root alone"):
        _files.read(str(path))
    path.chmod(0o644)
    os.chown(path, 65534, 65534)
    with pytest.raises(FastpathError, match="allow.list: it has to be a file that belongs to root"):
        _files.append(str(path), "192.0.2.2\n")
    place.chmod(0o777)
    for act in (_files.write, _files.append):
        with pytest.raises(FastpathError, match="own: it has to be a folder"):
            act(str(place / "new"), "")


def test_what_is_no_text_or_has_no_place_is_an_error_in_words(place: Path, tmp_path: Path) -> None:
    (place / "x").write_bytes(b"\xff")
    with pytest.raises(FastpathError, match="x: it is no text"):
        _files.read(str(place / "x"))
    with pytest.raises(FastpathError, match=r"nowhere: No such file or directory \(ENOENT\)\. Install persistence"):
        _files.write(str(tmp_path / "nowhere" / "x"), "")
    (place / "folder").mkdir()
    with pytest.raises(FastpathError, match=r"folder: Is a directory \(EISDIR\)\. Make room"):
        _files.write(str(place / "folder"), "")
