# SPDX-License-Identifier: GPL-3.0-or-later
"""The cables: switches in the fleet's network namespace, a veth pair per interface of each host.

Runs inside the fleet's namespaces only; ``ip netns`` names are in the fleet's own /run.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.plan import BRIDGES, CONTROLLER, MANAGEMENT, Host, Interface
from lab.shell import run


def make_switches() -> None:
    """The bridges; they learn, but run no protocol of their own and have no IPv6 that would talk."""
    lines = ["link set lo up"]
    for name, mac in BRIDGES.items():
        lines.append(f"link add {name} address {mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        lines.append(f"link set {name} addrgenmode none up")
    lines.append(f"addr add {CONTROLLER} dev {MANAGEMENT}")
    _ip(lines)


def plug(host: Host) -> None:
    """A fresh network namespace for the host, with its interfaces up and addressed, as a boot finds them."""
    run(["ip", "netns", "add", host.name])
    _ip(line for interface in host.interfaces for line in _cable(host, interface))
    inside = ["link set lo up"]
    for interface in host.interfaces:
        inside += _interface(interface)
    _ip(inside, netns=host.name)


def unplug(host: Host) -> None:
    """Pull the cables, then remove the namespace: the kernel does that later, and would keep the cables until then."""
    _ip(f"link delete {switch_end(host.name, interface)}" for interface in host.interfaces)
    run(["ip", "netns", "delete", host.name])


def plug_machine(host: Host) -> None:
    """The switch's ends of a virtual machine's cables; the other ends are QEMU's."""
    for interface in host.interfaces:
        end = switch_end(host.name, interface)
        _ip([f"tuntap add {end} mode tap", f"link set {end} addrgenmode none master {interface.network} up"])


def unplug_machine(host: Host) -> None:
    """Pull the cables."""
    _ip(f"link delete {switch_end(host.name, interface)}" for interface in host.interfaces)


def switch_end(host: str, interface: Interface) -> str:
    """The name of the cable's end at the switch."""
    return f"{host}-{interface.cable}"


def _cable(host: Host, interface: Interface) -> list[str]:
    end = switch_end(host.name, interface)
    mac = "" if interface.port else f"address {interface.mac}"
    return [
        f"link add {end} type veth peer name {interface.cable} netns {host.name} {mac}",
        f"link set {end} addrgenmode none master {interface.network} up",
    ]


def _interface(interface: Interface) -> list[str]:
    """A bridge of the host's own if it has a port. No duplicate address detection: it delays the first packet."""
    lines = []
    if interface.port:
        bridge = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        lines.append(f"link add {interface.name} address {interface.mac} {bridge}")
        lines.append(f"link set {interface.port} addrgenmode none master {interface.name} up")
    for address in interface.addresses:
        lines.append(f"addr add {address} dev {interface.name}{' nodad' if ':' in address else ''}")
    return [*lines, f"link set {interface.name} up"]


def _ip(lines: Iterable[str], netns: str | None = None) -> None:
    where = ["-n", netns] if netns else []
    run(["ip", *where, "-batch", "-"], stdin="\n".join(lines) + "\n")
