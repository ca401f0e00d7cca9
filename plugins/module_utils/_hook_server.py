# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hook's sockets: one for connections, where each line is answered, one for datagrams, where nothing is.

One process without threads. Whoever may connect is known by the kernel (C(SO_PEERCRED), unix(7)); what he sends is bounded in size
and in number, and a caller who is slow, silent or loud has no one wait but himself.
"""

from __future__ import annotations

import collections
import contextlib
import pwd
import selectors
import socket
import struct
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._hook_book import Asked
from ansible_collections.vos.fastpath.plugins.module_utils._hook_calls import LONGEST, Call, parse_call

__all__ = ("Server",)

CONNECTIONS_MAX = 128
BYTES_AT_ONCE = 4096
WAITING_MAX = 8192
CALLS_PER_SECOND, CALLS_BURST = 5000.0, 10000.0
SWEEP_EVERY = 10.0
_LOCKED_WAIT = 0.005
_CREDENTIALS = struct.Struct("3i")
_SOCKET_BUFFER = 4 << 20
_SLOW_DOWN = FastpathError("This user", "more than %d calls a second" % CALLS_PER_SECOND, "Call less often")


class Answering(t.Protocol):
    """The part of the book that is used here."""

    def answer(self, asked: t.Sequence[Asked]) -> t.List[t.Optional[FastpathError]]: ...

    def sweep(self) -> None: ...


class Waiting(t.NamedTuple):
    """What somebody said, a call or why it is none, and where the answer goes: in the order in which it was said."""

    said: t.Union[Call, FastpathError]
    who: str
    back: t.Optional[Connection]


class Server:
    """Both sockets, which systemd opened."""

    def __init__(
        self,
        sockets: t.Sequence[socket.socket],
        book: Answering,
        lock: t.Callable[[], t.ContextManager[bool]],
        log: t.Callable[[str], None],
    ) -> None:
        self._book = book
        self._lock = lock
        self._log = Log(log)
        self._selector = selectors.DefaultSelector()
        self._connections: t.Dict[int, Connection] = {}
        self._datagrams: t.List[socket.socket] = []
        self._waiting: t.List[Waiting] = []
        self._users = Users()
        self._sweep_at = 0.0
        for opened in sockets:
            opened.setblocking(False)
            if opened.type == socket.SOCK_STREAM:
                self._selector.register(opened, selectors.EVENT_READ, self._accept)
            else:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
                self._datagrams.append(opened)
                self._selector.register(opened, selectors.EVENT_READ, self._receive)

    def close(self) -> None:
        """Let everybody go."""
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._selector.close()

    def step(self, timeout: float = 1.0) -> None:
        """Take what there is, do it, and answer. Where somebody else changes the filter meanwhile, only datagrams are taken."""
        if not self._waiting:
            for key, _events in self._selector.select(timeout):
                key.data(key.fileobj)
        else:
            time.sleep(_LOCKED_WAIT)
            for opened in self._datagrams:
                self._receive(opened)
        self._do()
        self._log.flush()

    def _do(self) -> None:
        now = time.monotonic()
        if not self._waiting and now < self._sweep_at:
            return
        with self._lock() as ours:
            if not ours:
                return
            waiting, self._waiting = self._waiting, []
            if waiting:
                done = iter(self._done([Asked(each.said, each.who) for each in waiting if isinstance(each.said, Call)]))
                self._answer([(each, next(done) if isinstance(each.said, Call) else each.said) for each in waiting])
            if now >= self._sweep_at:
                self._sweep_at = now + SWEEP_EVERY
                try:
                    self._book.sweep()
                except (FastpathError, OSError) as error:
                    self._log.refused("itself, which looked for what has expired", error)

    def _done(self, asked: t.Sequence[Asked]) -> t.Sequence[t.Optional[FastpathError]]:
        """Do it. A file that can't be read, or a kernel that refuses, is told the callers: who ends for it is not there when it is over."""
        try:
            return self._book.answer(asked)
        except FastpathError as error:
            return [error] * len(asked)
        except OSError as error:
            return [FastpathError("The kernel", reason_of(error), "See the journal of vos-fastpath-verify")] * len(asked)

    def _answer(self, waiting: t.Iterable[t.Tuple[Waiting, t.Optional[FastpathError]]]) -> None:
        answers: t.Dict[Connection, t.List[str]] = collections.defaultdict(list)
        for each, error in waiting:
            if error is not None:
                self._log.refused(each.who, error)
            if each.back is not None:
                answers[each.back].append(_text(error))
        for connection, texts in answers.items():
            self._say(connection, "".join(texts))

    def _accept(self, listener: socket.socket) -> None:
        try:
            opened, _address = listener.accept()
        except OSError:  # gone again, or there are too many files
            return
        if len(self._connections) >= CONNECTIONS_MAX:
            self._drop(self._least_wanted())
        connection = Connection(opened, self._users.of(opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)))
        self._connections[connection.fd] = connection
        self._selector.register(opened, selectors.EVENT_READ, lambda _opened: self._read(connection))

    def _read(self, connection: Connection) -> None:
        try:
            heard = connection.read()
        except OSError:
            heard = False
        for line in connection.lines():
            self._take(line, connection.user, connection)
        if len(connection.buffer) > LONGEST:
            self._say(connection, _text(FastpathError("A line", "it is longer than %d bytes" % LONGEST, "Send one call on each line")))
            heard = False
        if not heard:
            self._drop(connection)

    def _least_wanted(self) -> Connection:
        """Of the user with the most connections, the one that has not called for longest."""
        numbers = collections.Counter(each.user for each in self._connections.values())
        return max(self._connections.values(), key=lambda each: (numbers[each.user], -each.called))

    def _receive(self, opened: socket.socket) -> None:
        while len(self._waiting) < WAITING_MAX:  # what is beyond stays with the kernel, and then with the caller
            try:
                raw, rights, _flags, _address = opened.recvmsg(LONGEST + 1, socket.CMSG_SPACE(_CREDENTIALS.size))
            except OSError:  # there are no more
                return
            for _level, _kind, credentials in rights:
                for line in [raw] if raw.startswith(b"{") else raw.splitlines():
                    self._take(line, self._users.of(credentials), None)

    def _take(self, line: bytes, user: User, back: t.Optional[Connection]) -> None:
        """Put a call with those that wait."""
        said: t.Union[Call, FastpathError] = _SLOW_DOWN
        if user.may_call(time.monotonic()):
            try:
                said = parse_call(line)
            except FastpathError as error:
                said = error
        self._waiting.append(Waiting(said, user.name, back))

    def _say(self, connection: Connection, text: str) -> None:
        """Answer; who does not read what he asked for is let go."""
        if self._connections.get(connection.fd) is not connection:
            return
        raw = text.encode("utf-8")
        try:
            done = connection.opened.send(raw, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) == len(raw)
        except OSError:
            done = False
        if not done:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        if self._connections.get(connection.fd) is connection:
            del self._connections[connection.fd]
            self._selector.unregister(connection.opened)
            connection.opened.close()


class Connection:
    """Somebody who says one line after the other."""

    def __init__(self, opened: socket.socket, user: User) -> None:
        opened.setblocking(False)
        self.opened = opened
        self.user = user
        self.fd = opened.fileno()
        self.called = time.monotonic()
        self.buffer = b""

    def read(self) -> bool:
        """Take what there is; V(false) at the end."""
        raw = self.opened.recv(BYTES_AT_ONCE)
        self.buffer += raw
        return bool(raw)

    def lines(self) -> t.List[bytes]:
        """Return the lines that are complete."""
        *lines, self.buffer = self.buffer.split(b"\n")
        if lines:
            self.called = time.monotonic()
        return lines


class User:
    """Who calls, and how often he may."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._left, self._at = CALLS_BURST, 0.0

    def may_call(self, now: float) -> bool:
        """Take a token from his bucket."""
        self._left = min(CALLS_BURST, self._left + (now - self._at) * CALLS_PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Users:
    """Those who called, by number."""

    def __init__(self) -> None:
        self._known: t.Dict[int, User] = {}

    def of(self, credentials: bytes) -> User:
        """Return the user of C(struct ucred)."""
        uid = _CREDENTIALS.unpack_from(credentials)[1]
        if uid not in self._known:
            self._known[uid] = User(_name(uid))
        return self._known[uid]


class Log:
    """Refusals, the first in full, and of the rest how many: nobody fills a disk from the socket."""

    def __init__(self, write: t.Callable[[str], None], every: float = 10.0) -> None:
        self._write = write
        self._every = every
        self._more: t.Counter[str] = collections.Counter()
        self._until = 0.0

    def refused(self, who: str, error: Exception) -> None:
        """Say what a user was refused."""
        now = time.monotonic()
        if now >= self._until:
            self._until = now + self._every
            self._write("refused to %s: %s" % (who, error))
        else:
            self._more[who] += 1

    def flush(self) -> None:
        """Say how many more there were, now and then."""
        if self._more and time.monotonic() >= self._until:
            for who, number in self._more.items():
                self._write("refused to %s: %d more" % (who, number))
            self._more.clear()


def _name(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return "uid %d" % uid


def _text(error: t.Optional[FastpathError]) -> str:
    return "ok\n" if error is None else "error %s\n" % " ".join(str(error).split())
