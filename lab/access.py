# SPDX-License-Identifier: GPL-3.0-or-later
"""How the hosts are reached: keys, and an ssh configuration that both people and Ansible use."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from lab.place import Place
from lab.plan import Fleet
from lab.seed import HOST_KEY, USER_KEY, write
from lab.shell import run

KNOWN_HOSTS = "known_hosts"


def make_keys(place: Place) -> None:
    """New ones for each lab; nothing of them leaves the run folder."""
    for name in (HOST_KEY, USER_KEY):
        for path in (place.run / name, place.run / f"{name}.pub"):
            path.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vos.fastpath lab", "-f", str(place.run / name)])
    write(place.run / KNOWN_HOSTS, f"* {(place.run / f'{HOST_KEY}.pub').read_text()}")


def write_config(place: Place, fleet: Fleet, pid: int) -> None:
    """The hosts by name; ssh goes through the network namespace of the process ``pid``."""
    place.sockets.mkdir(mode=0o700, exist_ok=True)
    proxy = shlex.quote(str(Path(__file__).parent / "proxy.py"))
    lines = [
        "Host *",
        "  User root",
        f'  IdentityFile "{place.run / USER_KEY}"',
        "  IdentitiesOnly yes",
        "  IdentityAgent none",
        f'  UserKnownHostsFile "{place.run / KNOWN_HOSTS}"',
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  PreferredAuthentications publickey",
        "  KexAlgorithms curve25519-sha256",
        "  LogLevel ERROR",
        "  ControlMaster auto",
        "  ControlPersist 600",
        f"  ControlPath {place.sockets}/%n",
        f"  ProxyCommand nsenter --net=/proc/{pid}/ns/net {shlex.quote(sys.executable)} -I -S {proxy} %h %p",
        "  ProxyUseFdpass yes",
    ]
    for host in fleet.hosts:
        lines += [f"Host {host.name}", f"  HostName {host.management}"]
    write(place.ssh_config, "\n".join(lines) + "\n")


def close(place: Place) -> None:
    """End the shared connections: each would keep the fleet's network namespace for as long as it persists."""
    if place.sockets.is_dir():
        for socket in place.sockets.iterdir():
            subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "lab"], check=False, capture_output=True)
            socket.unlink(missing_ok=True)
        place.sockets.rmdir()
