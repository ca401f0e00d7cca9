# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a host itself: the files that go over the shared tree before it boots."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from lab.place import FILES, Place
from lab.plan import SIP_PORT, Fleet, Host

COMMON = {"sshd.conf": "etc/ssh/sshd_config.d/lab.conf"}
OF_SBCS = {"kamailio.cfg": "etc/kamailio/kamailio.cfg", "kamailio.service.conf": "etc/systemd/system/kamailio.service.d/lab.conf"}
OF_OUTSIDE = {f"sipp-{name}.xml": f"usr/local/share/sipp/{name}.xml" for name in ("uac", "uas", "options")}
"""Files of files/, and where they go."""

HOST_KEY = "host_key"
USER_KEY = "user_key"


def seed(host: Host, fleet: Fleet, place: Place, root: Path) -> None:
    """Write the host's own files below ``root``."""
    write(root / "etc/hostname", f"{host.name}\n")
    write(root / "etc/machine-id", f"{uuid.uuid4().hex}\n")
    write(root / "etc/hosts", _hosts(fleet, host))
    _keys(place, root)
    for name, path in {**COMMON, **(OF_SBCS if host.kind == "sbc" else OF_OUTSIDE)}.items():
        write(root / path, (FILES / name).read_text())
    if host.system:
        _network(host, root)
    if host.kind == "sbc":
        write(root / "etc/kamailio/listen.cfg", listen(host))
        wants = root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / "kamailio.service").symlink_to("/lib/systemd/system/kamailio.service")


def listen(host: Host) -> str:
    """Kamailio's addresses: SIP on UDP and TCP, IPv4 and IPv6, on each trunk; none on the management network."""
    addresses = (f"[{a}]" if ":" in a else a for a in host.sip_addresses)
    return "".join(f"listen={protocol}:{a}:{SIP_PORT}\n" for a in addresses for protocol in ("udp", "tcp"))


def _network(host: Host, root: Path) -> None:
    """A virtual machine sets up its interfaces itself, at each boot. No duplicate address detection, as in the other hosts."""
    for interface in host.interfaces:
        lines = [f"[Match]\nName={interface.name}\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no"]
        lines += [f"\n[Address]\nAddress={a}\nDuplicateAddressDetection=none" for a in interface.addresses]
        write(root / f"etc/systemd/network/{interface.name}.network", "\n".join(lines) + "\n")
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
    online = root / "etc/systemd/system/network-online.target.wants"
    online.mkdir(parents=True, exist_ok=True)
    (online / "systemd-networkd-wait-online.service").symlink_to("/lib/systemd/system/systemd-networkd-wait-online.service")


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """A file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)


def _hosts(fleet: Fleet, host: Host) -> str:
    """Each host knows the others by name, at the address that its ssh has; and itself, for sipsak."""
    others = "".join(f"{h.management} {h.name}\n" for h in fleet.hosts if h is not host)
    return f"127.0.0.1 localhost {host.name}\n::1 localhost\n{others}"


def _keys(place: Place, root: Path) -> None:
    """One host key for the whole lab, made by ``up``, so that ssh can check it."""
    write(root / "etc/ssh/ssh_host_ed25519_key", (place.run / HOST_KEY).read_text(), 0o600)
    write(root / "etc/ssh/ssh_host_ed25519_key.pub", (place.run / f"{HOST_KEY}.pub").read_text())
    (root / "root/.ssh").mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(place.run / f"{USER_KEY}.pub", root / "root/.ssh/authorized_keys")
    (root / "root").chmod(0o700)
