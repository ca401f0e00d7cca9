# SPDX-License-Identifier: GPL-3.0-or-later

"""The timer that undoes a change unless somebody confirms it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Container, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _dead_man
from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import create_map
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._lock import locked

pytestmark = pytest.mark.usefixtures("real_host")
STATE = Path(_dead_man.STATE)


@pytest.fixture(autouse=True)
def nothing_left(real_host: None) -> Iterator[None]:
    yield
    STATE.unlink(missing_ok=True)


class Undone:
    """Remembers in a file, for another process, that it was undone, and for which programs."""

    def __init__(self, path: Path, left: list[str] | None = None) -> None:
        self.path, self.left = path, left or []

    def __call__(self, only: Container[int | None] | None) -> list[str]:
        self.path.write_text(repr(only))
        return self.left

    @property
    def what(self) -> str | None:
        return self.path.read_text() if self.path.exists() else None


@pytest.fixture
def undone(tmp_path: Path) -> Undone:
    return Undone(tmp_path / "undone")


def wait_for(path: Path, words: str) -> None:
    """Until the process beside us has written that."""
    while not path.exists() or words not in path.read_text():
        time.sleep(0.01)


def waiting(token: str = "a", state: str = "waiting", seconds: float = 0) -> None:
    """Have a change wait for its confirmation for so many seconds."""
    STATE.write_text(f"{token}\n{state}\n{time.monotonic() + seconds}")
    STATE.chmod(0o600)


def test_what_nobody_confirms_is_undone(undone: Undone) -> None:
    with locked(_dead_man.LOCK), _dead_man.dead_man(0, undone, [7]) as token:
        assert undone.what is None, "not while it is being made"
        assert _dead_man.waiting() == token
    wait_for(STATE, "undone")
    assert _dead_man.waiting() is None
    assert undone.what == "[7]"
    assert _dead_man.confirm(token) == "everything is as it was before"
    assert not STATE.exists()
    assert _dead_man.confirm(token) == "another change has been made since"


def test_what_is_confirmed_stays(undone: Undone) -> None:
    with locked(_dead_man.LOCK), _dead_man.dead_man(3600, undone, [7]) as token:
        assert STATE.stat().st_mode & 0o777 == 0o600
    assert _dead_man.confirm(token) is None
    assert undone.what is None
    assert not STATE.exists()


def test_what_failed_is_put_back_by_whoever_made_it(undone: Undone) -> None:
    with pytest.raises(FastpathError), locked(_dead_man.LOCK), _dead_man.dead_man(0, undone, [7]):
        raise FastpathError("eth0", "it refuses", "Ask it why")
    assert not STATE.exists()
    assert undone.what is None


def test_where_the_one_who_makes_it_is_killed_it_is_undone_at_once(undone: Undone) -> None:
    pid = os.fork()
    if pid == 0:
        with locked(_dead_man.LOCK), _dead_man.dead_man(3600, undone, [7]):
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    wait_for(STATE, "undone")
    assert undone.what in ("{7, None}", "{None, 7}"), "or nothing, if it came no further than taking the old program off"


def test_the_timer_undoes_what_waits_and_says_what_was_left(undone: Undone) -> None:
    undone.left = ["eth0 was changed by somebody else meanwhile", "line 1\nline 2"]
    waiting()
    _dead_man._watch("a", 0, undone, [7])
    assert _dead_man.confirm("a") == "eth0 was changed by somebody else meanwhile; line 1 line 2"


@pytest.mark.parametrize("before", [lambda: None, lambda: waiting("b")], ids=["confirmed", "another change waits"])
def test_the_timer_leaves_alone_what_does_not_wait_any_more(undone: Undone, before: Callable[[], None]) -> None:
    before()
    _dead_man._watch("a", 3600, undone, [7])
    assert undone.what is None


@pytest.mark.parametrize("state", ["being made", "waiting"])
def test_a_timer_that_was_killed_itself_is_not_waited_for(undone: Undone, state: str) -> None:
    waiting("a", state, -60)
    assert _dead_man.waiting() == "a", "it may be waiting for the lock"
    waiting("a", state, -180)
    assert _dead_man.waiting() is None
    assert "not confirmed in time" in str(_dead_man.confirm("a"))
    assert _dead_man.confirm("a") == "another change has been made since"


def test_the_timer_looks_again_and_again(undone: Undone, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting()
    monkeypatch.setattr(_dead_man, "_LOOK", 0)
    _dead_man._watch("a", 0.01, undone, [7])
    assert undone.what == "[7]"


def test_of_what_was_open_only_programs_and_maps_stay_so(tmp_path: Path, real_host: None) -> None:
    bpf, (reader, writer) = create_map(MAPS["xdp_settings"]), os.pipe()
    for fd in (bpf, reader, writer):
        (tmp_path / str(fd)).symlink_to(os.readlink(f"/proc/self/fd/{fd}"))
    (tmp_path / "99999").symlink_to("pipe:[1]")  # closed by now

    standard = _dead_man._close_all_but_bpf(str(tmp_path))

    assert os.fstat(bpf)
    assert len(standard) == 3
    with pytest.raises(OSError, match="Bad file descriptor|Broken pipe"):
        os.write(writer, b"x") if writer not in standard else os.fstat(99999)
    for fd in (bpf, *standard):
        os.close(fd)


class Ended(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("second", [0, 5])
def test_the_process_beside_us_ends_when_its_work_is_done(monkeypatch: pytest.MonkeyPatch, second: int) -> None:
    """What it does, in this process, so that it is seen."""
    done, pids = [], [0, second]

    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(os, "fork", lambda: pids.pop(0))
    monkeypatch.setattr(os, "setsid", lambda: done.append("setsid"))
    monkeypatch.setattr(os, "chdir", done.append)
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(_dead_man, "_close_all_but_bpf", lambda: done.append("close"))
    with contextlib.suppress(Ended):
        _dead_man._detached(lambda: done.append("work"))
    assert done == (["setsid"] if second else ["setsid", "/", "close", "work"])
