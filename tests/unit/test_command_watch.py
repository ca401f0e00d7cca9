# SPDX-License-Identifier: GPL-3.0-or-later

"""vos-fastpath watch: a device that is made anew is filtered again."""

from __future__ import annotations

import errno
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _command_watch
from ansible_collections.vos.fastpath.plugins.module_utils._command import Call
from ansible_collections.vos.fastpath.plugins.module_utils._lock import locked
from ansible_collections.vos.fastpath.tests.unit.commanding import Commander
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE


class Links:
    """What rtnetlink tells, one after the other; then the end."""

    def __init__(self, *told: bytes | OSError) -> None:
        self.told = iter(told)

    def __enter__(self) -> Links:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def recv(self, size: int) -> bytes:
        found = next(self.told, KeyboardInterrupt())
        if isinstance(found, bytes):
            return found
        raise found


def link(name: str, ifindex: int, kind: int = 16) -> bytes:
    """RTM_NEWLINK as the kernel has it."""
    attributes = b"".join(
        struct.pack("=HH", 4 + len(data), number) + data.ljust((len(data) + 3) & ~3, b"\0")
        for number, data in ((1, b"\xff" * 6), (3, name.encode() + b"\0" if name else b""))
        if data
    )
    body = struct.pack("=BxHiII", 0, 1, ifindex, 0, 0) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def watched(commander: Commander, *told: bytes | OSError) -> Iterator[str]:
    return _command_watch._watched(Call(None, commander.kernel, commander.saved), Links(*told))


def lines(found: Iterator[str]) -> list[str]:
    said = []
    with pytest.raises(KeyboardInterrupt):
        for line in found:
            said.append(line)
    return said


def make_anew(commander: Commander, name: str, ifindex: int) -> bytes:
    commander.kernel.nics.pop(name)
    commander.kernel.add_nic(name, ifindex, {"native": NO_NATIVE})
    return link(name, ifindex)


def test_what_is_not_as_it_is_to_be_is_restored_at_once(commander: Commander) -> None:
    commander.kernel.nics["eth0"].attached.clear()
    assert lines(watched(commander)) == ["restored: eth0: nothing is attached"]
    assert lines(watched(commander)) == []


def test_a_device_that_comes_back_is_filtered_again(commander: Commander) -> None:
    found = watched(commander, link("eth0", 2), link("other", 8), b"", link("eth0", 9) + link("eth0", 9))
    commander.kernel.before_attach = None
    running = (line for line in found)
    commander.kernel.nics["br0"].attached.clear()
    assert next(running) == "restored: br0: nothing is attached"
    make_anew(commander, "eth0", 9)
    assert lines(running) == ["restored: eth0: nothing is attached; it is generic now, and was native when the play attached it"]


def test_what_is_no_new_link_is_passed_over(commander: Commander) -> None:
    noise = [link("eth0", 99, kind=17), link("", 5), b"\0" * 16, b"\x07", link("eth0", 2), struct.pack("=IHHII", 36, 16, 0, 0, 0) + bytes(20)]
    assert lines(watched(commander, *noise)) == []


def test_after_more_than_could_be_told_everything_is_looked_at(commander: Commander) -> None:
    running = watched(commander, OSError(errno.ENOBUFS, "No buffer space available"))
    commander.kernel.nics["eth0"].attached.clear()
    next(running)
    commander.kernel.nics["br0"].attached.clear()
    assert lines(running) == ["restored: br0: nothing is attached"]
    with pytest.raises(OSError, match="Bad file"):
        list(watched(commander, OSError(errno.EBADF, "Bad file descriptor")))


def test_what_fails_is_said_and_it_goes_on(commander: Commander) -> None:
    running = watched(commander, link("eth0", 9), link("eth0", 10))
    Path(commander.saved.path("desired.json")).write_text("nonsense")
    assert [line.partition(": ")[0] for line in lines(running)] == ["NOT restored"] * 3


def test_a_run_that_is_stuck_is_said_and_it_goes_on(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_command_watch, "LONG_PATIENCE", 0.1)
    commander.kernel.nics["eth0"].attached.clear()
    running = watched(commander, link("eth0", 9))
    with locked(_command_watch.LOCK):
        assert " still holds the lock after 0.1 s. " in next(running)
    assert lines(running) == ["restored: eth0: nothing is attached"]


def test_the_kernel_tells_it(veth: str) -> None:
    with _command_watch.open_socket() as links:
        subprocess.run(("ip", "link", "add", "made9", "type", "bridge"), check=True)
        links.settimeout(60)
        known: dict[str, int] = {}
        while "made9" not in known:
            _command_watch._new(links.recv(65536), known)
    assert known["made9"] == socket.if_nametoindex("made9")
    subprocess.run(("ip", "link", "delete", "made9"), check=True)


def test_the_command_goes_on_until_it_is_stopped(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_command_watch, "open_socket", Links)
    assert commander("watch") == (0, [])
