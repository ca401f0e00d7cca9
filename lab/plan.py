# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts there are, which interfaces they have and which addresses: numbers only, nothing is done here.

IPv4 addresses are of 198.18.0.0/15 (RFC 2544), IPv6 addresses of 2001:2::/48 (RFC 5180): both are set aside for
benchmarks and are never seen on a real network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MANAGEMENT = "mgmt"
TRUNKS = {1: "sip1", 2: "sip2"}
BRIDGES = {MANAGEMENT: "02:00:00:00:00:01", TRUNKS[1]: "02:00:00:00:00:02", TRUNKS[2]: "02:00:00:00:00:03"}
"""The switches and their MAC addresses. A bridge without a fixed one changes it whenever a port comes or goes."""

CONTROLLER = "198.18.0.1/16"
"""Where Ansible comes from, on the management network."""

SBCS_DEFAULT = 3
SBCS_MAX = 64
"""The kernel's neighbour table, which all network namespaces share, is full at some 100 hosts."""

SIP_PORT = 5060
NATIVE = "enp1s0"
REFUSING = "e1000e"
GENERIC = "br-sip"


@dataclass(frozen=True)
class Interface:
    """One interface of a host; ``port`` is the cable's end where the interface itself is a bridge inside the host."""

    name: str
    network: str
    mac: str
    addresses: tuple[str, ...]
    port: str | None = None
    model: str | None = None
    """What kind of network card it is, in a virtual machine."""

    @property
    def cable(self) -> str:
        """The veth device of the host: the interface itself, or the port of the bridge."""
        return self.port or self.name

    @property
    def refuses_native(self) -> bool:
        """Whether its driver has no native XDP: a bridge, and a card of which that is known."""
        return self.port is not None or self.model == REFUSING

    def ip(self, version: int) -> str:
        """The address of this IP version, without its prefix length."""
        wanted = (a for a in self.addresses if (":" in a) == (version == 6))
        return next(wanted).split("/")[0]


@dataclass(frozen=True)
class System:
    """What a virtual machine runs: a Debian release, and a series of kernels."""

    suite: str
    kernel: str


@dataclass(frozen=True)
class Host:
    """A machine of the lab: ``kind`` is sbc, peer (trusted), scanner (not trusted) or floor (has the oldest kernel; not protected)."""

    name: str
    kind: str
    interfaces: tuple[Interface, ...]
    system: System | None = None
    """Where the host is a virtual machine."""

    @property
    def management(self) -> str:
        """The address that ssh goes to."""
        return self.interfaces[0].ip(4)

    @property
    def sip(self) -> tuple[Interface, ...]:
        """The interfaces on which SIP is spoken, in their order."""
        return tuple(i for i in self.interfaces if i.network in TRUNKS.values())

    @property
    def sip_addresses(self) -> tuple[str, ...]:
        """All addresses at which SIP is spoken, without prefix lengths."""
        return tuple(a.split("/")[0] for i in self.sip for a in i.addresses)


@dataclass(frozen=True)
class Fleet:
    """All hosts, in the order in which they are shown."""

    hosts: tuple[Host, ...]

    def of_kind(self, kind: str) -> tuple[Host, ...]:
        """The hosts of one kind."""
        return tuple(h for h in self.hosts if h.kind == kind)

    @property
    def sbcs(self) -> tuple[Host, ...]:
        """The hosts to be protected."""
        return self.of_kind("sbc")

    @property
    def peer(self) -> Host:
        """The trusted outside host."""
        return self.of_kind("peer")[0]

    @property
    def scanner(self) -> Host:
        """The outside host nobody trusts."""
        return self.of_kind("scanner")[0]


def fleet(sbcs: int = SBCS_DEFAULT) -> Fleet:
    """A fleet of so many SBCs, and the two outside hosts."""
    if not 1 <= sbcs <= SBCS_MAX:
        raise ValueError(f"{sbcs} SBC hosts: give a number from 1 to {SBCS_MAX}")
    inside = tuple(_sbc(n, bridged=n == sbcs) for n in range(1, sbcs + 1))
    return Fleet(hosts=(*inside, _outside("peer", 251), _outside("scanner", 252)))


def virtual_fleet() -> Fleet:
    """Virtual machines instead, one for each kernel: the releases that are supported, and the oldest kernel there is."""
    systems = {"debian12": System("bookworm", "6.1"), "debian13": System("trixie", "6.12")}
    machines = tuple(_machine(n, name, "sbc", system) for n, (name, system) in enumerate(systems.items(), 1))
    floor = _machine(len(machines) + 1, "linux510", "floor", System("bookworm", "5.10"))
    return Fleet(hosts=(_outside("peer", 251), _outside("scanner", 252), *machines, floor))


VIRTUAL = "vms"


def of_spec(spec: str) -> Fleet:
    """A fleet in one word: a number of SBCs, or VIRTUAL."""
    return virtual_fleet() if spec == VIRTUAL else fleet(int(spec))


def _machine(number: int, name: str, kind: str, system: System) -> Host:
    """Two trunks: on a card whose driver refuses native XDP, and on one whose driver has it."""
    interfaces = (
        replace(_management(1, number), name="enp3s0", model="virtio-net-pci"),
        replace(_trunk(1, "enp1s0", 1, number), model=REFUSING),
        replace(_trunk(2, "enp2s0", 1, number), model="virtio-net-pci"),
    )
    return Host(name, kind, interfaces, system)


def _sbc(number: int, bridged: bool) -> Host:
    """An SBC. The last one has a second trunk, on an interface whose driver refuses native XDP: a bridge."""
    interfaces = [_management(1, number), _trunk(1, NATIVE, 1, number)]
    if bridged:
        interfaces.append(_trunk(2, GENERIC, 1, number, port="enp2s0"))
    return Host(f"sbc{number}", "sbc", tuple(interfaces))


def _outside(kind: str, number: int) -> Host:
    """A host of the outside world, on both trunks."""
    return Host(kind, kind, (_management(0, number), _trunk(1, NATIVE, 0, number), _trunk(2, "enp2s0", 0, number)))


def _management(group: int, number: int) -> Interface:
    return Interface("mgmt0", MANAGEMENT, _mac(0, group, number), (f"198.18.{group}.{number}/16",))


def _trunk(trunk: int, name: str, group: int, number: int, port: str | None = None) -> Interface:
    """Each trunk is a switch and a subnet of its own: Linux answers ARP on any interface, for the addresses of all."""
    addresses = (f"198.19.{trunk}.{number}/24", f"2001:2:0:{trunk}::{number:x}/64")
    return Interface(name, TRUNKS[trunk], _mac(trunk, group, number), addresses, port)


def _mac(network: int, group: int, number: int) -> str:
    return f"02:00:00:{network + 1:02x}:{group:02x}:{number:02x}"
