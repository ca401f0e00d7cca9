# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a host there? Its sshd says hello, and on an SBC Kamailio takes a connection.

A host of namespaces is asked from within. A virtual machine is asked from the peer, which is on the same networks.
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Callable

from lab.plan import SIP_PORT, Host

INTERVAL = 0.05
CONNECT = 1.0
GREETING = 10.0
"""Seconds. A machine without KVM, beside other work, takes more than one to start an sshd for a connection."""

PEER = "peer"
_NEW_NET = 0x40000000


def wait(host: Host, stop: Callable[[], bool]) -> bool:
    """Whether the host answered before ``stop``. Call it in a thread of its own: that thread enters the host's network."""
    _enter(PEER if host.system else host.name)
    login = host.management if host.system else "127.0.0.1"
    while not stop():
        if _answers(login, 22, b"SSH-") and (host.kind != "sbc" or all(_answers(a, SIP_PORT) for a in host.sip_addresses)):
            return True
        time.sleep(INTERVAL)
    return False


def _enter(name: str) -> None:
    """Only the calling thread; os.setns is new in Python 3.12."""
    namespace = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(namespace, _NEW_NET):
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), name)
    finally:
        os.close(namespace)


def _answers(address: str, port: int, greeting: bytes = b"") -> bool:
    try:
        with socket.create_connection((address, port), timeout=CONNECT) as connection:
            connection.settimeout(GREETING)
            return connection.recv(len(greeting)) == greeting if greeting else True
    except OSError:
        return False
