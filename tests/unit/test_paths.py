# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths that root trusts, and those that somebody else could bend."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._paths import invoking_user, require_trusted

NOBODY = 65534


@pytest.fixture
def place(real_host: None, tmp_path: Path) -> Path:
    """A folder of root's, in it one that is open to all as /tmp is, and one of somebody else's."""
    for folder, mode in (("ours", 0o755), ("shared", 0o1777), ("open", 0o777), ("group", 0o775), ("theirs", 0o755)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder).chmod(mode)
    os.chown(tmp_path / "theirs", NOBODY, NOBODY)
    for path in [tmp_path, *list(tmp_path.parents)[:2]]:
        path.chmod(0o755)
    for folder in ("ours", "shared", "open", "group"):
        (tmp_path / folder / "file").write_text("root's")
    plant(tmp_path, "echo mine >shared/planted; ln -s ../ours/file shared/link; ln -s ../../ours theirs/way; echo mine >theirs/file")
    (tmp_path / "ours" / "link").symlink_to("../shared/planted")
    (tmp_path / "ours" / "good").symlink_to(tmp_path / "ours" / "." / "file")
    (tmp_path / "ours" / "again").symlink_to("again")
    (tmp_path / "ours" / "writable").write_text("")
    (tmp_path / "ours" / "writable").chmod(0o666)
    return tmp_path


def plant(folder: Path, commands: str) -> None:
    """What another user does there."""
    subprocess.run(("sh", "-ec", commands), cwd=folder, user=NOBODY, group=NOBODY, extra_groups=(), check=True)


GOOD = ("ours/file", "ours/good", "ours/nosuch/file", "ours/../shared/file", "shared/file", "shared/nosuch", "ours/file/below", "ze\0ro")


@pytest.mark.parametrize("path", GOOD)
def test_what_only_root_can_change(place: Path, path: str) -> None:
    require_trusted(f"{place}/{path}", "Never mind")


@pytest.mark.parametrize(
    ("path", "culprit"),
    [
        pytest.param("shared/planted", "shared/planted", id="a file of another user's"),
        pytest.param("shared/link", "shared/link", id="a link of another user's, to a file of root's"),
        pytest.param("ours/link", "shared/planted", id="a link of root's, to a file of another user's"),
        pytest.param("theirs/way/file", "theirs", id="a folder of another user's on the way"),
        pytest.param("theirs/nosuch", "theirs", id="one in which there is nothing yet"),
        pytest.param("theirs/way/../ours/file", "theirs", id="one that is left again"),
        pytest.param("open/file", "open", id="a folder that everybody can write to"),
        pytest.param("group/file", "group", id="a folder that a group can write to"),
        pytest.param("ours/writable", "ours/writable", id="a file that everybody can write to"),
    ],
)
def test_what_somebody_else_can_change(place: Path, path: str, culprit: str) -> None:
    with pytest.raises(FastpathError) as error:
        require_trusted(f"{place}/{path}", "Name another one")
    assert str(error.value) == f"{place}/{culprit}: others than root can put something else in its place. Name another one"


def test_links_that_lead_nowhere_end(place: Path) -> None:
    with pytest.raises(FastpathError, match="/again: it leads through too many links. Never mind"):
        require_trusted(f"{place}/ours/again", "Never mind")


def test_another_user_may_be_trusted_too(place: Path) -> None:
    require_trusted(f"{place}/theirs/way/file", "Never mind", [NOBODY])
    require_trusted(f"{place}/shared/link", "Never mind", [NOBODY])


def test_a_path_from_here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place / "theirs")
    with pytest.raises(FastpathError, match="/theirs: others than root"):
        require_trusted("file", "Never mind")
    monkeypatch.chdir(place / "ours")
    require_trusted("./file", "Never mind")


@pytest.mark.parametrize(("value", "users"), [(None, ()), ("", ()), ("1000", (1000,)), ("root", ()), ("-1", ()), ("\u0661", ())])
def test_who_used_sudo(monkeypatch: pytest.MonkeyPatch, value: str | None, users: tuple[int, ...]) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    if value is not None:
        monkeypatch.setenv("SUDO_UID", value)
    assert invoking_user() == users
