# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison run has measured: plain data, which the checks and the report read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COUNTERS = (
    ("OPTIONS dropped (stealth)", "Requests of a stealth method from sources that are not on the allowlist"),
    ("Redirected (AF_XDP)", "Requests handed to an AF_XDP socket"),
    ("Passed to stack", "All other packets to a SIP port that were let through"),
    ("Blocked", "Packets of sources on the blocklist, or over the rate limit"),
    ("Malformed", "Packets that are no SIP and claim to be"),
)
"""The slots of the map xdp_counters, in their order: name and meaning."""
DROPPED, REDIRECTED, PASSED, BLOCKED, MALFORMED = range(5)


@dataclass(frozen=True)
class Program:
    """An XDP program on an interface, as iproute2 and bpftool show it."""

    mode: str
    program: int
    map: int | None = None
    counters: tuple[int, ...] = ()


@dataclass(frozen=True)
class Link:
    """An interface at one moment."""

    flags: tuple[str, ...]
    addresses: tuple[str, ...]
    rx_packets: int
    rx_bytes: int
    rx_dropped: int
    xdp: Program | None


@dataclass(frozen=True)
class System:
    """What kind of machine a host is."""

    kernel: str
    architecture: str
    system: str
    cpu: str


@dataclass(frozen=True)
class Calls:
    """SIPp's count: calls to one address."""

    made: int
    completed: int


@dataclass(frozen=True)
class Traffic:
    """What one traffic source did in one phase. Each table is by the address that the packets went to."""

    source: str
    trusted: bool
    sent: dict[str, int]
    tcp: dict[str, bool]
    sipsak: dict[str, str] = field(default_factory=dict)
    calls: dict[str, Calls] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    probes: dict[str, Calls] = field(default_factory=dict)
    """OPTIONS of the scanner, and how many of them were answered."""


Links = dict[str, dict[str, Link]]
"""By host and interface."""


@dataclass(frozen=True)
class Phase:
    """One of the three: the interfaces before and after the traffic."""

    name: str
    before: Links
    after: Links
    traffic: tuple[Traffic, ...]

    def sent(self, addresses: tuple[str, ...], trusted: bool) -> int:
        """Packets that sources of this kind sent to SIP at these addresses."""
        return sum(t.sent.get(a, 0) for t in self.traffic if t.trusted == trusted for a in addresses)

    def counted(self, host: str, interface: str) -> tuple[int, ...]:
        """What the filter counted during the traffic, by slot; empty where there was none."""
        first, last = self.before[host][interface].xdp, self.after[host][interface].xdp
        if not first or not last or first.map != last.map:
            return ()
        return tuple(b - a for a, b in zip(first.counters, last.counters, strict=True))


@dataclass(frozen=True)
class Watched:
    """A TCP connection that was kept over the whole run, and asked OPTIONS again and again."""

    source: str
    address: str
    asked: int
    answered: int
    failure: str
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """The whole run."""

    started: str
    inventory: str
    lab: bool
    systems: dict[str, System]
    phases: tuple[Phase, Phase, Phase]
    builds: dict[str, dict[str, Any]]
    """What the module xdp_build said, by host."""
    attachments: dict[str, dict[str, Any]]
    """What the module xdp_attach said of each interface, by host."""
    stats: dict[str, dict[str, Any]]
    """What the module xdp_stats said after the traffic, by host."""
    watched: tuple[Watched, ...]
    seconds: dict[str, float]
    """How long the parts of the run took."""

    @property
    def interfaces(self) -> list[tuple[str, str]]:
        """Host and interface, in their order."""
        return [(host, name) for host, links in self.phases[0].before.items() for name in links]


def links(probes: dict[str, Any]) -> Links:
    """From what remote/probe.py answered, by host."""
    return {host: {name: _link(raw) for name, raw in probe["interfaces"].items()} for host, probe in probes.items()}


def system(probe: dict[str, Any]) -> System:
    """From what remote/probe.py answered."""
    return System(probe["kernel"], probe["architecture"], probe["system"], probe["cpu"])


def traffic(source: str, trusted: bool, raw: dict[str, Any]) -> Traffic:
    """From what remote/traffic.py answered."""
    return Traffic(
        source=source,
        trusted=trusted,
        sent=raw["sent"],
        tcp=raw["tcp"],
        sipsak=raw.get("sipsak", {}),
        calls={a: Calls(**c) for a, c in raw.get("calls", {}).items()},
        found=tuple(raw.get("found", ())),
        probes={a: Calls(**c) for a, c in raw.get("probes", {}).items()},
    )


def _link(raw: dict[str, Any]) -> Link:
    xdp = raw["xdp"]
    program = xdp and Program(xdp["mode"], xdp["program"], xdp.get("map"), tuple(xdp.get("counters", ())))
    return Link(tuple(raw["flags"]), tuple(raw["addresses"]), raw["rx_packets"], raw["rx_bytes"], raw["rx_dropped"], program or None)
