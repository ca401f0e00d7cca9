# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock: one at a time, and nobody waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _lock
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._lock import locked, tried


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "lock"


def test_the_lock_is_for_one_at_a_time(lock: Path) -> None:
    order = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with locked(str(lock)):
            order.append("second")

    with locked(str(lock)):
        other = threading.Thread(target=second)
        other.start()
        entered.wait()
        other.join(0.05)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
    assert lock.stat().st_mode & 0o777 == 0o600


def test_the_lock_goes_with_an_error(lock: Path) -> None:
    with pytest.raises(ValueError, match="oops"), locked(str(lock)):
        raise ValueError("oops")
    with locked(str(lock)):
        pass


def test_a_lock_that_is_a_link_is_not_followed(lock: Path, tmp_path: Path) -> None:
    lock.symlink_to("elsewhere")
    with pytest.raises(FastpathError) as error, locked(str(lock)):
        pass
    assert str(error.value) == f"{lock}: the lock can't be opened: Too many levels of symbolic links (ELOOP). See what is there"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("make", [lambda path: path.write_text("") and None, lambda path: os.mkfifo(path, 0o600)], ids=["open to all", "a pipe"])
def test_a_lock_that_others_could_hold_for_ever_is_refused(lock: Path, make: Callable[[Path], None]) -> None:
    make(lock)
    refuse(lock)


def test_a_lock_of_another_user_is_refused(real_host: None, lock: Path) -> None:
    lock.touch(0o600)
    os.chown(lock, 65534, 65534)
    refuse(lock)


def refuse(lock: Path) -> None:
    words = "it has to be a file that only root can open: whoever can open it can hold the lock for ever"
    with pytest.raises(FastpathError, match=f"^{lock}: {words}. Remove it while no other run goes on$"), locked(str(lock)):
        pass


def test_who_can_not_wait_is_told_that_somebody_else_is_at_work(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with tried(path) as first, tried(path) as second:
        assert (first, second) == (True, False)
    with tried(path) as again:
        assert again


HOLDER = """
import fcntl, sys, time
lock = open(sys.argv[1])
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def holder(lock: Path) -> Iterator[int]:
    """A process that holds the lock and does nothing more."""
    lock.touch(0o600)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


def refusal(lock: Path) -> str:
    with pytest.raises(FastpathError) as error, locked(str(lock), 0.1):
        pass
    return str(error.value)


def test_who_waits_too_long_is_told_for_whom(lock: Path, holder: int) -> None:
    words = refusal(lock)
    assert words.startswith(f"{lock}: process {holder} ({sys.executable} -c import fcntl, sys, time lock = open(")
    assert words.endswith(f" still holds the lock after 0.1 s. See what it does (ps -fp {holder}); if it is stuck, kill {holder}, and run this again")


def test_a_holder_that_has_ended_and_left_the_lock_to_a_child_has_no_command(lock: Path, holder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lock, "_holder", lambda descriptor: 1 << 30)
    assert f"{lock}: process {1 << 30} still holds the lock" in refusal(lock)


@pytest.mark.parametrize("told", ["", "1: POSIX ADVISORY WRITE 7 00:1b:1 0 EOF\n1: -> FLOCK ADVISORY WRITE 8 00:1b:1 0 EOF\n", None])
def test_a_holder_that_the_kernel_does_not_tell(lock: Path, holder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None) -> None:
    locks = tmp_path / "locks"
    if told is not None:
        locks.write_text(told)
    monkeypatch.setattr(_lock, "_LOCKS", str(locks))
    assert refusal(lock) == f"{lock}: another process still holds the lock after 0.1 s. See which one (lslocks); if it is stuck, kill it"
