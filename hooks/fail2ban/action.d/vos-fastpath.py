# SPDX-License-Identifier: GPL-3.0-or-later

"""fail2ban blocks by the hook of vos.fastpath: in the driver, before the packet costs anything. See docs/hooks.md.

Put this into /etc/fail2ban/action.d, and in a jail say: action = vos-fastpath.py
"""

import socket

from fail2ban.server.action import ActionBase

SOCKET = "/run/vos-fastpath/hook.sock"
TIMEOUT = 10


class VosFastpathAction(ActionBase):
    """One per jail; each call is a connection of its own, and its answer is heeded."""

    def __init__(self, jail, name, path=SOCKET, longest=86400):
        super().__init__(jail, name)
        self.path = path
        self.longest = int(longest)

    def ban(self, aInfo):
        """Block a source for the time of the ban; a ban for good lasts as long as a hook may say."""
        seconds = int(aInfo["bantime"])
        self._call("block %s %d fail2ban %s" % (aInfo["ip"], seconds if 0 < seconds < self.longest else self.longest, self._jail.name))

    def reban(self, aInfo):
        """Block it again."""
        self.ban(aInfo)

    def unban(self, aInfo):
        """Take the block back."""
        self._call("unblock %s" % aInfo["ip"])

    def _call(self, line):
        with socket.socket(socket.AF_UNIX) as hook:
            hook.settimeout(TIMEOUT)
            hook.connect(self.path)
            hook.sendall(line.encode() + b"\n")
            answer = hook.makefile().readline().strip()
        if answer != "ok":
            raise RuntimeError("%s: %s" % (line, answer or "no answer"))


Action = VosFastpathAction
