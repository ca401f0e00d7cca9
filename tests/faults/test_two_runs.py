# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs at once on one host: one after the other, whatever they want."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._lists import listed, read
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK, locked
from ansible_collections.vos.fastpath.tests.faults import leftovers
from ansible_collections.vos.fastpath.tests.faults.campaigns import entries
from ansible_collections.vos.fastpath.tests.faults.host import BARE, FILTERED, NAME, Host, listing
from ansible_collections.vos.fastpath.tests.faults.runs import Result, Wish, result_of, run, run_forked, start

TIMES = 3


def at_once(*wishes: Wish) -> list[Result]:
    """Start them all while the lock is held, so that they wait side by side, and let them go."""
    with locked(LOCK):  # be another run, in the middle of something
        running = [start(wish) for wish in wishes]
        wait_until_all_wait(running)
        assert [process.poll() for process in running] == [None] * len(wishes)
    return [result_of(process) for process in running]


def lists_of(host: Host) -> Iterator[tuple[bytes, bytes]]:
    """What is on the lists, of all tables."""
    for heads in read(host.kernel).values():
        yield from heads.items()


def wait_until_all_wait(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Until each of these processes has the lock open, which it can't take yet."""
    deadline = time.monotonic() + 60
    while not all(LOCK in opened_by(process.pid) for process in running):
        assert time.monotonic() < deadline, "they do not wait for each other"
        time.sleep(0.01)


def opened_by(pid: int) -> set[str]:
    """The files that a process has open."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(link))
    return found


def test_the_same_wish_twice_is_fulfilled_once(host: Host) -> None:
    for wish in (host.present(), listing("block", *entries(0)), host.absent()):
        done = at_once(wish, wish)
        assert sorted(result["changed"] for result in done) == [False, True]


@pytest.mark.parametrize("turn", range(TIMES))
def test_of_two_versions_the_later_one_stays(host: Host, turn: int) -> None:
    assert run_forked(host.present(malformed="all"))["changed"]
    wishes = [host.present("one"), host.present("two")]
    done = at_once(*wishes)
    program = host.program()
    assert program is not None
    last = {result["interfaces"][NAME]["tag"]: wish for result, wish in zip(done, wishes)}[program.tag]
    assert run(last)["changed"] is False
    assert leftovers.settles(leftovers.programs, 1)
    assert host.arriving() == FILTERED


@pytest.mark.parametrize("turn", range(TIMES))
def test_attach_and_removal(host: Host, turn: int) -> None:
    done = at_once(host.present(), host.absent())
    attached = host.program() is not None
    assert done[0]["changed"] is True
    assert done[1]["changed"] is not attached
    assert host.arriving() == (FILTERED if attached else BARE)
    assert leftovers.pins() == (leftovers.pins_of(host.ifindex) if attached else set())


@pytest.mark.parametrize("turn", range(TIMES))
def test_of_two_exact_lists_one_is_there_whole(host: Host, turn: int) -> None:
    wishes = [listing("block", *entries(start_at)) for start_at in (0, 5000)]
    assert [result["changed"] for result in at_once(*wishes)] == [True, True]
    keys = [{key for key, _head in lists_of(host)}]
    for wish in wishes:
        run_forked(wish)
        keys.append({key for key, _head in lists_of(host)})
    assert keys[0] in keys[1:]
    assert keys[1] != keys[2]


def test_additions_to_both_lists_are_all_there(host: Host) -> None:
    """Two writers of one table: neither writes what the other has just changed back to what it was."""
    wishes = [listing(name, *entries(start_at), state="present") for name in ("allow", "block") for start_at in (0, 5000)]
    assert all(result["changed"] for result in at_once(*wishes))
    lists = read(host.kernel)
    for name in ("allow", "block"):
        assert sum(map(len, listed(lists, name).values())) == 15_000


def test_a_removal_of_the_lists_says_who_needs_them(host: Host) -> None:
    """The second wish contradicts the first: it is refused, with the reason."""
    others = {"interfaces": ["lo"], "keep_lists": False}
    done = at_once(host.present(), host.absent(**others))
    refused = done[1].get("msg", "")
    assert "sip0 would still carry our filter, which needs them" in refused or not done[1]["actions"]
    assert "sip0 would still carry our filter, which needs them" in run(host.absent(**others))["msg"]
    assert host.arriving() == FILTERED
