# SPDX-License-Identifier: GPL-3.0-or-later

"""The hook's sockets, and callers of all kinds."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _hook_server
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._hook_book import Asked
from ansible_collections.vos.fastpath.plugins.module_utils._hook_server import CONNECTIONS_MAX, Log, Server, User, Users

ME = pwd.getpwuid(os.geteuid()).pw_name
REFUSED = FastpathError("192.0.2.66", "not this one", "Take another")


class Book:
    """Does everything but one source."""

    def __init__(self) -> None:
        self.troubles: list[Exception] = []
        self.asked: list[tuple[str, str]] = []
        self.batches: list[int] = []
        self.sweeps = 0

    def answer(self, asked: Sequence[Asked]) -> list[FastpathError | None]:
        for trouble in self.troubles:
            raise trouble
        self.asked += [(f"{call.name} {call.source}", who) for call, who in asked]
        self.batches.append(len(asked))
        return [REFUSED if str(call.source) == "192.0.2.66" else None for call, _who in asked]

    def sweep(self) -> None:
        self.sweeps += 1
        for trouble in self.troubles:
            raise trouble


class Hook:
    """A server that does a step when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.book = Book()
        self.log: list[str] = []
        self.ours = True
        self.opened = [self._bound("stream", socket.SOCK_STREAM), self._bound("datagram", socket.SOCK_DGRAM)]
        self.opened[0].listen(256)
        self.server = Server(self.opened, self.book, self._lock, self.log.append)

    def _bound(self, name: str, kind: socket.SocketKind) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, kind)
        made.bind(str(self.folder / name))
        return made

    @contextlib.contextmanager
    def _lock(self) -> Iterator[bool]:
        yield self.ours

    def connect(self) -> socket.socket:
        """A new caller."""
        caller = socket.socket(socket.AF_UNIX)
        caller.settimeout(5)
        caller.connect(str(self.folder / "stream"))
        self.opened.append(caller)
        return caller

    def send(self, raw: bytes) -> None:
        """A datagram."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(raw, str(self.folder / "datagram"))

    def step(self, number: int = 2) -> None:
        """Have it accept, then read and answer."""
        for _number in range(number):
            self.server.step(0)

    def say(self, raw: bytes) -> str:
        """What a new caller is answered."""
        caller = self.connect()
        caller.sendall(raw)
        self.step()
        return caller.recv(65536).decode()


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Hook]:
    made = Hook(tmp_path)
    yield made
    made.server.close()
    for each in made.opened:
        each.close()


def test_a_line_is_answered_and_the_kernel_says_who_it_is_from(hook: Hook) -> None:
    assert hook.say(b"allow 192.0.2.7 3600 registered alice\n") == "ok\n"
    assert hook.book.asked == [("allow 192.0.2.7", ME)]


def test_lines_are_answered_in_their_order_whether_they_are_calls_or_not(hook: Hook) -> None:
    answers = hook.say(b"allow 192.0.2.7 60\nnonsense\nblock 192.0.2.66 60\nunallow 192.0.2.7\n").splitlines()
    assert [answer.partition(" ")[0] for answer in answers] == ["ok", "error", "error", "ok"]
    assert answers[1].startswith("error nonsense: it is no call. Say: allow|block SOURCE SECONDS")
    assert answers[2] == "error 192.0.2.66: not this one. Take another"
    assert hook.book.batches == [3]


def test_a_line_can_come_in_pieces(hook: Hook) -> None:
    caller = hook.connect()
    for piece in (b"allow 192.", b"0.2.7 6", b"0\nallow 192.0.2.8 60\nblo"):
        caller.sendall(piece)
        hook.step()
    assert caller.recv(100) == b"ok\nok\n"
    caller.sendall(b"ck 192.0.2.9 60\n")
    hook.step()
    assert [asked for asked, _who in hook.book.asked] == ["allow 192.0.2.7", "allow 192.0.2.8", "block 192.0.2.9"]


def test_a_datagram_is_a_call_or_several_and_nobody_is_answered(hook: Hook) -> None:
    hook.send(b"allow 192.0.2.7 60")
    hook.send(b"block 192.0.2.8 60\nblock 192.0.2.66 60\n")
    hook.send(b'{"jsonrpc":"2.0","method":"E_VOS_FASTPATH_ALLOW","params":{"source":"192.0.2.9",\n"seconds":60}}')
    hook.send(b"x" * 5000)
    hook.step(1)
    assert hook.book.asked == [(asked, ME) for asked in ("allow 192.0.2.7", "block 192.0.2.8", "block 192.0.2.66", "allow 192.0.2.9")]
    assert hook.log == [f"refused to {ME}: 192.0.2.66: not this one. Take another"]


def test_refusals_are_told_in_full_once_and_then_as_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    log = Log(told.append)
    for _number in range(5):
        log.refused("fail2ban", REFUSED)
    log.flush()
    assert told == ["refused to fail2ban: 192.0.2.66: not this one. Take another"]
    monkeypatch.setattr(_hook_server.time, "monotonic", lambda: 1e9)
    log.flush()
    log.flush()
    assert told[1:] == ["refused to fail2ban: 4 more"]


def test_a_line_without_an_end_is_cut_off(hook: Hook) -> None:
    caller = hook.connect()
    caller.sendall(b"allow 192.0.2.7 60\n" + b"x" * 600)
    hook.step()
    assert caller.recv(1000).decode().startswith("error A line: it is longer than 512 bytes")
    with contextlib.suppress(ConnectionError):
        assert caller.recv(1000) in (b"", b"ok\n")


def test_a_line_without_an_end_from_a_caller_who_is_gone(hook: Hook) -> None:
    caller = hook.connect()
    caller.sendall(b"x" * 600)
    caller.close()
    hook.step()
    assert hook.say(b"allow 192.0.2.8 60\n") == "ok\n"


def test_a_caller_who_goes_without_waiting_hurts_nobody(hook: Hook) -> None:
    for _number in range(3):
        caller = hook.connect()
        caller.sendall(b"allow 192.0.2.7 60\n")
        caller.close()
    hook.step(4)
    assert len(hook.book.asked) == 3
    assert hook.say(b"allow 192.0.2.8 60\n") == "ok\n"


def test_a_caller_who_resets_the_connection_is_forgotten(hook: Hook) -> None:
    caller = hook.connect()
    hook.step(1)
    other = hook.connect()
    other.sendall(b"allow 192.0.2.7 60\n")
    hook.step()
    other.close()  # with an answer that was not read: ECONNRESET
    hook.step()
    caller.sendall(b"allow 192.0.2.8 60\n")
    hook.step()
    assert caller.recv(100) == b"ok\n"


def test_a_caller_who_reads_no_answer_is_let_go(hook: Hook) -> None:
    silent = hook.connect()
    silent.setblocking(False)
    with contextlib.suppress(BlockingIOError, ConnectionError):
        for _number in range(400):
            silent.sendall(b"nonsense\n" * 300)
            hook.step()
    with contextlib.suppress(BlockingIOError, ConnectionError):
        while silent.recv(65536):
            pass
    with pytest.raises(ConnectionError):
        silent.sendall(b"allow 192.0.2.7 60\n")


def test_many_connections_leave_a_place_for_others(hook: Hook) -> None:
    faithful = hook.connect()
    hook.step(1)
    hoard = [hook.connect() for _number in range(CONNECTIONS_MAX - 1)]
    hook.step(CONNECTIONS_MAX)
    faithful.sendall(b"allow 192.0.2.7 60\n")
    hook.step()
    assert faithful.recv(100) == b"ok\n"
    assert hook.say(b"allow 192.0.2.8 60\n") == "ok\n"
    assert hoard[0].recv(1) == b"", "who has called last is kept, and who has not for longest goes"
    faithful.sendall(b"allow 192.0.2.9 60\n")
    hook.step()
    assert faithful.recv(100) == b"ok\n"


def test_nobody_waits_for_one_who_floods(hook: Hook) -> None:
    loud, quiet = hook.connect(), hook.connect()
    loud.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            loud.sendall(b"allow 192.0.2.7 60\n" * 100)
    quiet.sendall(b"allow 192.0.2.8 60\n")
    hook.step(3)
    assert quiet.recv(100) == b"ok\n"
    assert max(hook.book.batches) < 1000


def test_a_user_has_so_many_calls_a_second() -> None:
    user = User("loud")
    assert [user.may_call(100.0) for _number in range(10001)] == [True] * 10000 + [False]
    assert [user.may_call(100.001) for _number in range(6)] == [True] * 5 + [False]
    assert user.may_call(200.0)


def test_who_calls_more_often_is_told_so(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "may_call", lambda self, now: False)
    assert "more than 5000 calls a second" in hook.say(b"allow 192.0.2.7 60\n")
    assert hook.book.asked == []


def test_while_somebody_else_changes_the_filter_datagrams_are_taken_and_connections_wait(hook: Hook) -> None:
    caller = hook.connect()
    hook.step(1)
    hook.ours = False
    caller.sendall(b"allow 192.0.2.7 60\n")
    hook.step(1)
    caller.sendall(b"allow 192.0.2.8 60\n")
    for _number in range(3):
        hook.send(b"block 192.0.2.9 60")
        hook.step(1)
    assert hook.book.batches == []
    hook.ours = True
    hook.step()
    assert hook.book.batches == [4, 1]
    assert caller.recv(100) == b"ok\nok\n"


def test_what_waits_is_bounded_and_the_rest_stays_with_the_caller(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hook_server, "WAITING_MAX", 2)
    hook.ours = False
    for number in range(4):
        hook.send(b"block 192.0.2.%d 60" % number)
    hook.step(3)
    hook.ours = True
    hook.step(4)
    assert hook.book.batches == [2, 2]


def test_expired_entries_are_looked_for_now_and_then(hook: Hook) -> None:
    hook.step(3)
    assert hook.book.sweeps == 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(FastpathError("changes.jsonl line 3", "it is no note", "Remove the line"), "Remove the line"), (OSError(12, "No memory"), "ENOMEM")],
)
def test_trouble_on_the_host_is_told_and_outlived(hook: Hook, trouble: Exception, words: str) -> None:
    hook.book.troubles = [trouble]
    answers = hook.say(b"allow 192.0.2.7 60\nnonsense\n").splitlines()
    assert (words in answers[0], answers[1].startswith("error nonsense")) == (True, True)
    assert (hook.book.sweeps, len(hook.log)) == (1, 1)
    hook.book.troubles = []
    assert hook.say(b"allow 192.0.2.7 60\n") == "ok\n"


def test_a_connection_that_is_gone_before_it_is_taken(hook: Hook) -> None:
    hook.server._accept(hook.opened[0])
    assert hook.say(b"allow 192.0.2.7 60\n") == "ok\n"


def test_a_user_without_a_name_is_a_number() -> None:
    users = Users()
    assert users.of(_hook_server._CREDENTIALS.pack(1, 3123456, 1)).name == "uid 3123456"
    assert users.of(_hook_server._CREDENTIALS.pack(7, 3123456, 9)) is users.of(_hook_server._CREDENTIALS.pack(8, 3123456, 9))
