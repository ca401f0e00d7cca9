# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The systemd units of what a host can do beside staying protected: metrics for Prometheus, and the hook for SIP servers."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._units import SANDBOX

__all__ = ("ARGUMENTS", "COMPARISON", "HOOK_SERVICE", "METRICS_SERVICE", "RUN", "STARTED", "all_units", "metrics_file", "more_units")

RUN = "/run/vos-fastpath"
"""Where the sockets of the hook are."""

HOOK_SERVICE = "vos-fastpath-hook.service"
METRICS_SERVICE = "vos-fastpath-metrics.service"
STARTED = ("vos-fastpath-metrics.timer", "vos-fastpath-hook.socket")
"""What is enabled of them; it starts the others."""

COMPARISON = ("vos-fastpath-comparison.timer", "vos-fastpath-comparison.service")
"""By these, a host goes back by itself where a comparison run was interrupted (playbooks/tasks); a play that comes first has its say."""

ARGUMENTS: t.Dict[str, t.Any] = {
    "metrics_file": {"type": "path"},
    "metrics_interval": {"type": "int", "default": 30},
    "hook": {"type": "bool", "default": False},
    "hook_group": {"type": "str", "default": "root"},
    "hook_lists": {"type": "list", "elements": "str", "choices": ["allow", "block"], "default": ["allow", "block"]},
    "hook_max_seconds": {"type": "int", "default": 86400},
    "hook_max_entries": {"type": "int", "default": 100000},
}
"""What xdp_host is told of them."""

_LEAST = {"metrics_interval": 1, "hook_max_seconds": 1, "hook_max_entries": 1}
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", re.ASCII)
_PATH = re.compile(r"/[A-Za-z0-9_./+@:-]*[A-Za-z0-9_+@:-]\.prom\Z", re.ASCII)
_OUTPUT = re.compile(r"^ExecStart=.* metrics --output (\S+)$", re.MULTILINE)

_METRICS_TIMER = """\
[Unit]
Description=SIP filter, metrics every {metrics_interval} s
Documentation=man:vos-fastpath(8)

[Timer]
OnActiveSec=0
OnUnitInactiveSec={metrics_interval}
AccuracySec=1

[Install]
WantedBy=timers.target
"""

_METRICS = """\
[Unit]
Description=SIP filter, metrics for Prometheus
Documentation=man:vos-fastpath(8)
After=local-fs.target sys-fs-bpf.mount

[Service]
Type=oneshot
ExecStart={command} metrics --output {metrics_file}
TimeoutStartSec=60
Nice=10
{sandbox}ReadWritePaths=-{metrics_folder}
"""

_HOOK_SOCKET = """\
[Unit]
Description=SIP filter, hook for SIP servers and fail2ban
Documentation=man:vos-fastpath(8)

[Socket]
ListenStream={run}/hook.sock
ListenDatagram={run}/hook.dgram
SocketMode=0660
SocketGroup={hook_group}
DirectoryMode=0755
RemoveOnStop=yes
PassCredentials=yes
ReceiveBuffer=4M

[Install]
WantedBy=sockets.target
"""

_HOOK = """\
[Unit]
Description=SIP filter, hook for SIP servers and fail2ban
Documentation=man:vos-fastpath(8)
After=local-fs.target sys-fs-bpf.mount
Requires=vos-fastpath-hook.socket

[Service]
Type=exec
ExecStart={command} serve --lists {lists} --max-seconds {hook_max_seconds} --max-entries {hook_max_entries}
Restart=on-failure
RestartSec=1
{sandbox}"""


def more_units(command: str, wanted: t.Mapping[str, t.Any]) -> t.Dict[str, str]:
    """Return the units that are wanted, by name. Raises FastpathError."""
    _check(wanted)
    words = {**wanted, "command": command, "sandbox": SANDBOX, "run": RUN, "lists": " ".join(sorted(set(wanted["hook_lists"])))}
    units = {}
    if wanted["metrics_file"]:
        words["metrics_folder"] = os.path.dirname(wanted["metrics_file"])
        units.update({STARTED[0]: _METRICS_TIMER, METRICS_SERVICE: _METRICS})
    if wanted["hook"]:
        units.update({STARTED[1]: _HOOK_SOCKET, HOOK_SERVICE: _HOOK})
    return {name: text.format(**words) for name, text in units.items()}


def all_units() -> t.Tuple[str, ...]:
    """Return the names of all units that there can be."""
    return (*STARTED, METRICS_SERVICE, HOOK_SERVICE)


def metrics_file(unit: str) -> t.Optional[str]:
    """Return the file that a unit writes, so that it goes with the unit: old metrics would be taken for new ones."""
    found = _OUTPUT.search(unit)
    return found[1] if found else None


def _check(wanted: t.Mapping[str, t.Any]) -> None:
    for key, least in _LEAST.items():
        if wanted[key] < least:
            raise FastpathError("%s: %d" % (key, wanted[key]), "it has to be %d at least" % least, "Leave it out for the default")
    if wanted["metrics_file"] and not _PATH.match(wanted["metrics_file"]):
        reason = "it has to be a whole path of plain characters that ends in .prom, or node_exporter does not read it"
        raise FastpathError("metrics_file: %s" % wanted["metrics_file"], reason, "Debian's folder is /var/lib/prometheus/node-exporter")
    if not _GROUP.match(wanted["hook_group"]):
        raise FastpathError("hook_group: %s" % wanted["hook_group"], "it is no name of a group", "Name the group that the SIP server runs as")
    if wanted["hook"] and not wanted["hook_lists"]:
        raise FastpathError("hook_lists", "a hook that may change no list is none", "Set hook to false, or name allow, block or both")
