# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP connections that are kept over the whole run, asked OPTIONS several times a second. Runs on an outside host.

python3 watch.py start '{"addresses": ["192.0.2.1"], "port": 5060}'     goes on in the background
python3 watch.py stop '{}'                                               ends it, and answers with JSON
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
import typing as t

PID = "/run/vos-fastpath-watch.pid"
RESULT = "/run/vos-fastpath-watch.json"
INTERVAL = 0.25
PATIENCE = 10
LONGEST = 1800


class Connection:
    """One TCP connection and what came of it."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.asked = self.answered = 0
        self.failure = ""
        try:
            self._socket = socket.create_connection((address, port), timeout=PATIENCE)
            self._own = self._socket.getsockname()
        except OSError as error:
            self.failure = "cannot connect: {}".format(error)

    def ask(self) -> None:
        """OPTIONS; a connection that has failed once is left alone."""
        if self.failure:
            return
        self.asked += 1
        try:
            self._socket.sendall(self._request())
            if self._response():
                self.answered += 1
        except OSError as error:
            self.failure = "after {} answers: {}".format(self.answered, error)

    def _request(self) -> bytes:
        def uri(host: str) -> str:
            return "[{}]".format(host) if ":" in host else host

        here = "{}:{}".format(uri(self._own[0]), self._own[1])
        lines = [
            "OPTIONS sip:watch@{} SIP/2.0".format(uri(self.address)),
            "Via: SIP/2.0/TCP {};branch=z9hG4bK{}".format(here, self.asked),
            "From: <sip:watch@{}>;tag=w".format(here),
            "To: <sip:watch@{}>".format(uri(self.address)),
            "Call-ID: watch@{}".format(here),
            "CSeq: {} OPTIONS".format(self.asked),
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        return "".join(line + "\r\n" for line in lines + [""]).encode()

    def _response(self) -> bool:
        """Whether a 200 came; the response has no body."""
        text = b""
        while b"\r\n\r\n" not in text:
            if not select.select([self._socket], [], [], PATIENCE)[0]:
                raise OSError("no answer for {} s".format(PATIENCE))
            part = self._socket.recv(4096)
            if not part:
                raise OSError("closed by the server")
            text += part
        return text.startswith(b"SIP/2.0 200")


def start(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """Connect, then go on as a process of its own; the answer says whether every connection was made."""
    stop({})
    connections = [Connection(a, config["port"]) for a in config["addresses"]]
    if os.fork():
        return {c.address: c.failure for c in connections}
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    with open(PID, "w") as file:
        file.write(str(os.getpid()))
    watch(connections)
    os._exit(0)


def watch(connections: list[Connection]) -> None:
    """Until told to stop, or for half an hour at most."""
    told: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    begun = time.monotonic()
    while not told and time.monotonic() - begun < LONGEST:
        for connection in connections:
            connection.ask()
        time.sleep(INTERVAL)
    seconds = round(time.monotonic() - begun, 1)
    found = {c.address: {"asked": c.asked, "answered": c.answered, "failure": c.failure, "seconds": seconds} for c in connections}
    with open(RESULT + ".new", "w") as file:
        json.dump(found, file)
    os.rename(RESULT + ".new", RESULT)


def stop(_config: dict[str, t.Any]) -> dict[str, t.Any]:
    """What the process in the background has seen; nothing where there is none."""
    try:
        with open(PID) as file:
            os.kill(int(file.read()), signal.SIGTERM)
        os.unlink(PID)
    except (FileNotFoundError, ProcessLookupError):
        return {}
    for _attempt in range(500):
        if os.path.exists(RESULT):
            with open(RESULT) as file:
                found: dict[str, t.Any] = json.load(file)
            os.unlink(RESULT)
            return found
        time.sleep(0.02)
    return {}


if __name__ == "__main__":
    print(json.dumps({"start": start, "stop": stop}[sys.argv[1]](json.loads(sys.argv[2]))))
