# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells the hook of vos.fastpath what Kamailio has learned. For app_python3 (Debian: kamailio-python3-modules); see docs/hooks.md.

A datagram to a local socket: no process is started, and nobody waits. Where the hook does not take it, the call is lost, SIP goes
on, and the log says now and then how many were lost: who sends a thousand REGISTERs a second can't fill a disk with it.
"""

import os
import socket
import time

import KSR

QUIET = 10.0
SOCKET = os.environ.get("VOS_FASTPATH_HOOK", "/run/vos-fastpath/hook.dgram")


def mod_init():
    """Return what app_python3 calls."""
    return Hook()


class Hook:
    """One in each of Kamailio's processes."""

    def __init__(self):
        self.socket = None
        self.lost = 0
        self.quiet_until = 0.0

    def child_init(self, rank):
        """Open a socket of this process's own."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        return 1

    def vos_fastpath(self, message, call):
        """Say one line, as docs/hooks.md has it. What comes from a SIP message can hold line ends: it stays one line."""
        try:
            self.socket.sendto(" ".join(call.split()).encode()[:500], SOCKET)
        except OSError as error:
            self.lost += 1
            now = time.monotonic()
            if now >= self.quiet_until:
                KSR.err("vos.fastpath: %s: %s, calls lost: %d\n" % (SOCKET, error, self.lost))
                self.lost, self.quiet_until = 0, now + QUIET
            return -1
        return 1
