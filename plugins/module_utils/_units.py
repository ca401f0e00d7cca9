# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The systemd units: what runs the command at boot, when a device comes back, and every minute."""

from __future__ import annotations

import string
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._lock import LONG_PATIENCE, PATIENCE
from ansible_collections.vos.fastpath.plugins.module_utils._saved import FOLDER

__all__ = ("SANDBOX", "SERVERS", "escape", "instance", "unit_files")

SERVERS = ("kamailio.service", "opensips.service", "freeswitch.service", "asterisk.service")
"""They start when the filter is attached."""

_WORK = 120  # seconds, beside those that the lock is waited for

_PLAIN = frozenset(string.ascii_letters + string.digits + ":_.")

SANDBOX = """\
# CAP_SYS_ADMIN: the kernel opens programs and maps by their numbers only with it; CAP_BPF and CAP_PERFMON are within it.
CapabilityBoundingSet=CAP_SYS_ADMIN CAP_NET_ADMIN
LimitMEMLOCK=infinity
NoNewPrivileges=yes
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
# Python (a venv) or the object can be in somebody's home: hidden, the host would have no filter from the next boot on.
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectSystem=strict
# As ProtectKernelTunables=, which would make pins read-only.
ReadOnlyPaths=/proc/sys -/proc/sysrq-trigger /sys
ReadWritePaths={folder} /run /sys/fs/bpf
RestrictAddressFamilies=AF_INET AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
# Where repairs are counted; what is built can be elsewhere (vos_fastpath_directory).
StateDirectory=vos-fastpath
SystemCallArchitectures=native
SystemCallFilter=@system-service bpf
UMask=0022
""".format(folder=FOLDER)

_INTERFACE = """\
[Unit]
Description=SIP filter on %I
Documentation=man:vos-fastpath(8)
ConditionPathExists={folder}/desired.json
After=local-fs.target sys-fs-bpf.mount network-pre.target sys-subsystem-net-devices-%i.device
# Ordered, not required: without the filter the server still answers calls, and the journal says so.
Before=network-online.target {servers}

[Service]
# It does not remain after exit: when the device comes back, it is started again.
Type=oneshot
ExecStart={command} restore --wait 10 %I
TimeoutStartSec={long_timeout}
{sandbox}
[Install]
WantedBy=multi-user.target sys-subsystem-net-devices-%i.device
"""

_WATCH = """\
[Unit]
Description=SIP filter, restored where a device is made anew
Documentation=man:vos-fastpath(8)
ConditionPathExists={folder}/desired.json
After=local-fs.target sys-fs-bpf.mount
# It is started again however often it failed: nobody would notice that it is not there.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command} watch
Restart=always
RestartSec=1
{sandbox}
[Install]
WantedBy=multi-user.target
"""

_VERIFY = """\
[Unit]
Description=SIP filter, compared with what it is to be, and repaired
Documentation=man:vos-fastpath(8)
ConditionPathExists={folder}/desired.json

[Service]
Type=oneshot
ExecStart={command} verify --repair
TimeoutStartSec={timeout}
Nice=10
{sandbox}"""

_TIMER = """\
[Unit]
Description=SIP filter, verified every {interval} s
Documentation=man:vos-fastpath(8)

[Timer]
OnActiveSec={interval}
OnUnitInactiveSec={interval}
AccuracySec=1

[Install]
WantedBy=timers.target
"""


def unit_files(command: str, interval: int, servers: t.Sequence[str] = SERVERS) -> t.Dict[str, str]:
    """Return the units by name; the first ones are those to be enabled, of the template its instances."""
    words = {"command": command, "folder": FOLDER, "interval": str(interval), "servers": " ".join(servers), "sandbox": SANDBOX}
    words.update(timeout=str(PATIENCE + _WORK), long_timeout=str(LONG_PATIENCE + _WORK))
    return {
        "vos-fastpath-verify.timer": _TIMER.format(**words),
        "vos-fastpath-watch.service": _WATCH.format(**words),
        "vos-fastpath@.service": _INTERFACE.format(**words),
        "vos-fastpath-verify.service": _VERIFY.format(**words),
    }


def instance(name: str) -> str:
    """Return the unit of an interface."""
    return "vos-fastpath@%s.service" % escape(name)


def escape(text: str) -> str:
    """Return the text as systemd-escape(1) has it."""
    plain = (char if char in _PLAIN and (number or char != ".") else _hex(char) for number, char in enumerate(text))
    return "".join(plain)


def _hex(char: str) -> str:
    return "-" if char == "/" else "".join("\\x%02x" % byte for byte in char.encode("utf-8"))
