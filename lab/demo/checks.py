# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be true of a comparison run. Each check is a sentence; one that fails says where, and what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.demo.model import BLOCKED, DROPPED, MALFORMED, PASSED, REDIRECTED, Calls, Comparison, Link, Phase, Traffic
from lab.plan import GENERIC


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    ok: bool
    what: str
    where: str
    seen: str
    advice: str = ""

    def sentence(self) -> str:
        """For the reader."""
        return f"{self.where}: {self.what}: {self.seen}"


def checks(run: Comparison) -> list[Check]:
    """All of them, in the order of the run."""
    _baseline, protected, _after = run.phases
    found = [Check(False, "the run came to its end", where, why) for where, why in run.broken.items()]
    for phase in run.phases:
        found += _sources(phase, run)
        for host, name in run.interfaces:
            found += _state(phase, host, name, phase is protected and run.filtered(host, name), run.lab)
            found += _traffic(run, phase, host, name, _expected(phase, host, name, run) if phase is protected else True)
    for host, name in run.interfaces:
        if run.filtered(host, name):
            found += _accounting(protected, host, name, run)
    return found + list(_watched(run))


def _expected(phase: Phase, host: str, name: str, run: Comparison) -> bool | None:
    """Whether the filter lets a scanner be answered; none where its lists or its rate limit decide that for each packet."""
    if run.hides(host, name):
        return False
    counted = phase.counted(host, name)
    return None if counted and counted[BLOCKED] else True


def _sources(phase: Phase, run: Comparison) -> Iterator[Check]:
    """A source that failed half way is not one that was not answered."""
    everybody = run.sources or dict.fromkeys(t.source for p in run.phases for t in p.traffic)
    seen = [t.source for t in phase.traffic]
    if everybody:
        advice = f"look at the output for {', '.join(everybody)} above"
        yield Check(len(seen) == len(everybody), "all traffic sources took part", phase.name, ", ".join(seen) or "none", advice)


def _state(phase: Phase, host: str, name: str, attached: bool, lab: bool) -> Iterator[Check]:
    xdp = phase.after[host][name].xdp
    where = f"{phase.name}, {host} {name}"
    seen = xdp.mode if xdp else "none"
    advice = f"look at 'ip -d link show dev {name}' on {host}, and at the output of the playbook above"
    yield Check(bool(xdp) == attached, f"an XDP program is {'' if attached else 'not '}attached", where, seen, advice)
    if attached and lab:
        expected = "generic" if name == GENERIC else "native"
        yield Check(seen == expected, f"the mode is {expected}", where, seen, advice)


def _traffic(run: Comparison, phase: Phase, host: str, name: str, answered: bool | None) -> Iterator[Check]:
    every = phase.after[host][name].addresses
    where = f"{phase.name}, {host} {name}"
    for traffic in phase.traffic:
        addresses = tuple(traffic.reached(every))
        if traffic.unrouted and len(addresses) < len(every):
            advice = f"look at 'ip route get ADDRESS' on {traffic.source}, for {', '.join(traffic.unrouted)}"
            yield Check(False, f"{traffic.source} has a route to it", where, _of(addresses, every), advice)
        if not addresses:
            continue
        listening = [a for a in addresses if _listens(run, phase, traffic.source, a)]
        if listening:
            connected = [a for a in listening if traffic.tcp[a]]
            yield Check(connected == listening, f"{traffic.source} connects by TCP", where, _of(connected, listening), _SERVER.format(host=host))
        yield from _served(run, traffic, addresses, host, where) if traffic.trusted else _scanned(traffic, addresses, host, where, answered)


def _listens(run: Comparison, phase: Phase, source: str, address: str) -> bool:
    """Whether the SIP server is to take TCP connections: the lab's does; of another, the baseline says it to the later phases."""
    baseline = run.phases[0]
    return run.lab or phase is not baseline and any(t.tcp.get(address, False) for t in baseline.traffic if t.source == source)


def _served(run: Comparison, traffic: Traffic, addresses: tuple[str, ...], host: str, where: str) -> Iterator[Check]:
    """A trusted source gets answers in every phase. By which status is up to the SIP server."""
    advice = _SERVER.format(host=host)
    asked = [a for a in addresses if a in traffic.sipsak]
    answered = [a for a in asked if traffic.sipsak[a].split()[1:2] == ["200"] or (traffic.sipsak[a] and not run.lab)]
    yield Check(answered == asked, f"{traffic.source} gets {'200' if run.lab else 'an answer'} to sipsak", where, _of(answered, asked), advice)
    if traffic.calls:
        calls = total(traffic.calls, addresses)
        yield Check(0 < calls.made == calls.completed, f"all SIPp calls of {traffic.source} complete", where, _calls(calls), advice)
    times = traffic.times(addresses)
    if times:
        timed = Calls(len(times), sum(ms is not None for ms in times))
        yield Check(timed.completed == timed.made, f"every OPTIONS that {traffic.source} times is answered", where, _calls(timed), advice)


def _scanned(traffic: Traffic, addresses: tuple[str, ...], host: str, where: str, answered: bool | None) -> Iterator[Check]:
    """A scanner gets every answer without the filter, and none where that hides the host."""
    if answered is None:
        return
    advice = _FILTER.format(host=host)
    found = [a for a in addresses if a in traffic.found]
    expected = list(addresses) if answered else []
    yield Check(found == expected, f"svmap from {traffic.source} finds {'it' if answered else 'nothing'}", where, _of(found, addresses), advice)
    if traffic.probes:
        probes = total(traffic.probes, addresses)
        wanted = probes.made if answered else 0
        what = f"{'every' if answered else 'no'} OPTIONS of {traffic.source} is answered"
        yield Check(probes.completed == wanted, what, where, _calls(probes), advice)


def _accounting(phase: Phase, host: str, name: str, run: Comparison) -> Iterator[Check]:
    """In the lab nobody else talks, so the numbers are equal; in a fleet of one's own others may add to them."""
    link: Link = phase.after[host][name]
    where = f"{phase.name}, {host} {name}"
    counted = phase.counted(host, name)
    if not counted:
        why = "they were set back meanwhile, or the filter attached anew" if link.xdp and link.xdp.map else "no map xdp_counters"
        yield Check(False, "the filter's counters can be read", where, why, f"run 'bpftool prog show' on {host}")
        return
    trusted, others = phase.sent(link.addresses, True), phase.sent(link.addresses, False)
    passed = counted[PASSED] + counted[REDIRECTED]
    rows = [
        (f"every packet sent is counted{', exactly once' if run.lab else ''}", sum(counted), trusted + others),
        ("what the trusted peer sent was passed", passed, trusted),
    ]
    if run.hides(host, name):
        blocked = not run.lab and counted[BLOCKED] >= others > counted[DROPPED]  # it is on the blocklist
        rows.append(("what the scanner sent was dropped as stealth", counted[BLOCKED if blocked else DROPPED], others))
    if run.lab:
        rows.append(("nothing was counted as blocked or malformed", counted[BLOCKED] + counted[MALFORMED], 0))
    for what, seen, wanted in rows:
        ok = seen == wanted if run.lab else seen >= wanted
        yield Check(ok, what, where, f"{seen} counted, {wanted} sent" if wanted else str(seen), _COUNTERS.format(host=host, name=name))
    if run.lab:
        module = run.stats[host]["interfaces"][name]["counters"]
        bpftool = link.xdp.counters if link.xdp else ()
        yield Check(
            tuple(module.values()) == bpftool,
            "the module xdp_stats and bpftool read the same counters",
            where,
            f"{list(module.values())} and {list(bpftool)}",
            _COUNTERS.format(host=host, name=name),
        )


def _watched(run: Comparison) -> Iterator[Check]:
    for seen in run.watched:
        ok = not seen.failure and 0 < seen.asked == seen.answered
        text = f"{seen.answered} of {seen.asked} answered in {seen.seconds:.0f} s{f'; {seen.failure}' if seen.failure else ''}"
        yield Check(ok, "a TCP connection works throughout", f"{seen.source} to {seen.address}", text, "the filter must not touch TCP")


def total(table: dict[str, Calls], addresses: tuple[str, ...]) -> Calls:
    """The sum over the addresses of an interface."""
    rows = [table[a] for a in addresses if a in table]
    return Calls(sum(r.made for r in rows), sum(r.completed for r in rows))


_SERVER = "look at the SIP server: 'systemctl status kamailio' and 'journalctl -u kamailio' on {host}"
_FILTER = "look at the lists and the counters: 'ansible -m vos.fastpath.xdp_stats {host}'"
_COUNTERS = "compare 'bpftool map dump name xdp_counters' on {host} with 'tcpdump -ni {name} udp port 5060'"


def _of(some: Sequence[str], every: Sequence[str]) -> str:
    return f"{len(some)} of {len(every)} addresses"


def _calls(calls: Calls) -> str:
    return f"{calls.completed} of {calls.made}"
