# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison run has measured: plain data, which the checks and the report read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from plugins.module_utils import _abi as abi

MEANINGS = (
    "Requests of a stealth method from sources that are not on the allowlist",
    "Requests handed to an AF_XDP socket",
    "All other packets to a SIP port that were let through",
    "Packets of sources on the blocklist, or over the rate limit",
    "Packets that are no SIP and claim to be",
)
COUNTERS = tuple((name, meaning) for (_key, name), meaning in zip(abi.COUNTERS, MEANINGS, strict=True))
"""The slots of the map xdp_counters, in their order: name and meaning."""
DROPPED, REDIRECTED, PASSED, BLOCKED, MALFORMED = range(5)


@dataclass(frozen=True)
class Program:
    """An XDP program on an interface, as iproute2 and bpftool show it."""

    mode: str
    program: int
    map: int | None = None
    counters: tuple[int, ...] = ()
    tag: str = ""


@dataclass(frozen=True)
class Link:
    """An interface at one moment."""

    flags: tuple[str, ...]
    addresses: tuple[str, ...]
    rx_packets: int
    rx_bytes: int
    rx_dropped: int
    xdp: Program | None
    driver: str = ""


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
    round_trips: dict[str, list[float | None]] = field(default_factory=dict)
    """Milliseconds to the answer to OPTIONS; none where there was no answer."""
    unrouted: tuple[str, ...] = ()
    """Addresses that it has no route to, and sent nothing."""

    def reached(self, addresses: tuple[str, ...]) -> list[str]:
        """Those of them that it sent to."""
        return [a for a in addresses if a in self.sent]

    def times(self, addresses: tuple[str, ...]) -> list[float | None]:
        """Of all that were asked at these addresses."""
        return [ms for a in addresses for ms in self.round_trips.get(a, [])]


Links = dict[str, dict[str, Link]]
"""By host and interface."""


@dataclass(frozen=True)
class Phase:
    """One of the three: the interfaces before and after the traffic."""

    name: str
    before: Links
    after: Links
    traffic: tuple[Traffic, ...]
    softirq: dict[str, float] = field(default_factory=dict)
    """By host: how much of its CPU time, in percent, went to software interrupts, where packets are received."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By host: how long it was between the two times that it was looked at."""

    def received(self, host: str, interface: str) -> tuple[int, int, int] | None:
        """Packets, bytes and drops of the interface in this phase; none where its driver began to count anew."""
        first, last = self.before[host][interface], self.after[host][interface]
        more = (last.rx_packets - first.rx_packets, last.rx_bytes - first.rx_bytes, last.rx_dropped - first.rx_dropped)
        return None if min(more) < 0 else more

    def round_trips(self, addresses: tuple[str, ...]) -> list[float]:
        """Of all trusted sources to these addresses, the shortest first."""
        return sorted(ms for t in self.traffic for ms in t.times(addresses) if ms is not None)

    def sent(self, addresses: tuple[str, ...], trusted: bool) -> int:
        """Packets that sources of this kind sent to SIP at these addresses."""
        return sum(t.sent.get(a, 0) for t in self.traffic if t.trusted == trusted for a in addresses)

    def counted(self, host: str, interface: str) -> tuple[int, ...]:
        """What the filter counted during the traffic, by slot; empty where there was none, or where it began to count anew."""
        first, last = self.before[host][interface].xdp, self.after[host][interface].xdp
        if not first or not last or first.map != last.map:
            return ()
        more = tuple(b - a for a, b in zip(first.counters, last.counters, strict=True))
        return () if min(more, default=0) < 0 else more


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
    attach: str = "ansible-playbook -i INVENTORY site.yml"
    unload: str = "ansible-playbook -i INVENTORY site.yml -e vos_fastpath_state=absent"
    """What attached the filter and took it off, in words for the reader."""
    note: str = ""
    """What a reader should know of the machines."""
    asked: str = ""
    """How much traffic was asked for, in words."""
    restored: str = ""
    """What became of the state that was found; empty where the run does not put one back."""
    sources: tuple[str, ...] = ()
    """All that were to send, also those that could not."""
    broken: dict[str, str] = field(default_factory=dict)
    """Hosts and traffic sources on which the run broke off: why, and what became of them, in words."""

    def filtered(self, host: str, interface: str) -> bool:
        """Whether there is to be a filter: where one was found on others of the host alone, there is none."""
        return interface in self.attachments.get(host, {})

    def hides(self, host: str, interface: str) -> bool:
        """Whether the filter, where it is on, is to keep the OPTIONS of strangers away: its settings as xdp_stats read them."""
        if not self.filtered(host, interface):
            return False
        found = self.stats.get(host, {}).get("interfaces", {}).get(interface, {})
        return not found.get("audit", False) and not {"OPTIONS", "all"}.isdisjoint(found.get("stealth", ["OPTIONS"]))

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
        round_trips=raw.get("round_trips", {}),
        unrouted=tuple(raw.get("unrouted", ())),
    )


def phase(name: str, before: dict[str, Any], after: dict[str, Any], made: tuple[Traffic, ...]) -> Phase:
    """From what remote/probe.py answered before and after the traffic, by host."""
    softirq = {host: _softirq(before[host]["cpu_time"], after[host]["cpu_time"]) for host in before}
    seconds = {host: round(after[host]["uptime"] - before[host]["uptime"], 1) for host in before}
    return Phase(name, links(before), links(after), made, softirq, seconds)


def _softirq(before: dict[str, int], after: dict[str, int]) -> float:
    spent = after["all"] - before["all"]
    return round(100 * (after["softirq"] - before["softirq"]) / spent, 2) if spent else 0.0


def _link(raw: dict[str, Any]) -> Link:
    xdp = raw["xdp"]
    program = xdp and Program(xdp["mode"], xdp["program"], xdp.get("map"), tuple(xdp.get("counters", ())), xdp["tag"])
    return Link(tuple(raw["flags"]), tuple(raw["addresses"]), raw["rx_packets"], raw["rx_bytes"], raw["rx_dropped"], program or None, raw["driver"])
