# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with one SIP interface, as the tests of faults see it: what to ask of it, and what becomes of packets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Program
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.tests.faults.leftovers import MARK
from ansible_collections.vos.fastpath.tests.faults.runs import Wish
from ansible_collections.vos.fastpath.tests.live.packets import BOX4, request, udp
from ansible_collections.vos.fastpath.tests.live.world import SO_RCVBUFFORCE

NAME = "sip0"
STRANGER, BLOCKED, TRUSTED = "198.51.100.9", "203.0.113.66", "203.0.113.5"
FENCE = 5999
"""A port that is no SIP port: what is sent there after the others arrives after them."""
PROBES = {"call": (STRANGER, "INVITE"), "scan": (STRANGER, "OPTIONS"), "blocked": (BLOCKED, "INVITE"), "trusted": (TRUSTED, "OPTIONS")}
BARE, FILTERED, LISTED = {"call", "scan", "blocked", "trusted"}, {"call", "blocked"}, {"call", "trusted"}
"""Which of them arrive without the filter; with it, the lists being empty; and with BLOCKED and TRUSTED on their lists."""

_PATIENCE = 20.0


class Host:
    """The host: its one interface goes by a cable to the outside."""

    def __init__(self, wire: socket.socket, objects: dict[str, str]) -> None:
        self.kernel = AttachingKernel()
        self.objects = objects
        self.wire = wire

    @property
    def ifindex(self) -> int:
        """The interface's number."""
        return self.kernel.interface(NAME).ifindex

    def program(self) -> Program | None:
        """What is attached."""
        return self.kernel.attached(self.ifindex)

    def present(self, version: str = "one", **options: Any) -> Wish:
        """The wish for one of the two versions to be attached; both have our mark."""
        given = {"object": self.objects[version], "interfaces": [NAME], "allow_empty_allowlist": True}
        marked = {"ports": [5060, MARK], "rate_burst": MARK}
        return Wish("xdp_attach", {**given, **marked, **options})

    def absent(self, **options: Any) -> Wish:
        """The wish for nothing to be there."""
        return Wish("xdp_attach", {"interfaces": [NAME], "state": "absent", "keep_lists": False, **options})

    def arriving(self) -> set[str]:
        """Send every probe; returns which of them a server would have got."""
        with _listening(5060) as server, _listening(FENCE) as fence:
            for name, (source, method) in PROBES.items():
                self.wire.send(udp(source, request(source, method, name)))
            deadline = time.monotonic() + _PATIENCE
            while not _calls(fence):
                assert time.monotonic() < deadline, "not even what is no SIP arrives"
                self.wire.send(udp(STRANGER, request(STRANGER, "INVITE", "fence"), port=FENCE))
            return _calls(server)


def listing(name: str, *entries: str, state: str = "exact", **options: Any) -> Wish:
    """The wish for a list V(allow) or V(block) to have these entries."""
    allowed = {"allow_empty": True} if name == "allow" else {}
    return Wish(f"xdp_{name}list", {"entries": list(entries), "state": state, **allowed, **options})


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        opened.setblocking(False)
        opened.bind((BOX4, port))
        yield opened


def _calls(server: socket.socket) -> set[str]:
    """The Call-IDs of what arrived so far."""
    found = set()
    while True:
        try:
            text = server.recv(65535).decode()
        except BlockingIOError:
            return found
        found.add(next(line[9:] for line in text.splitlines() if line.startswith("Call-ID: ")))
