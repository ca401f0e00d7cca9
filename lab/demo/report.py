# SPDX-License-Identifier: GPL-3.0-or-later
"""The report, in the shape of the comparison run that this project started from, with one column per interface."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lab.demo.checks import Check, total
from lab.demo.model import COUNTERS, DROPPED, PASSED, REDIRECTED, Calls, Comparison, Link, Phase, Traffic

Row = tuple[str, Callable[[str, str], str]]
"""A metric, and its value for a host and an interface."""


def report(run: Comparison, checks: list[Check], how_to: str, picture: str = "") -> str:
    """Markdown; ``picture`` is the name of a file beside it."""
    parts = [
        _head(run),
        "## 1. Build",
        _build(run),
        "## 2. Baseline (no XDP)",
        _phase(run, run.phases[0], []),
        f"## 3. With XDP loaded ({_modes(run)})",
        _attachment(run),
        _phase(run, run.phases[1], _program_rows(run)),
        "### XDP counters",
        _counters(run),
        "## 4. After unloading XDP",
        _unloaded(run),
        _phase(run, run.phases[2], []),
        "## 5. Summary",
        _summary(run, checks),
        *([f"![What was measured, by phase]({picture})"] if picture else []),
        "## 6. The same on your own fleet",
        how_to,
    ]
    return "\n\n".join(parts) + "\n"


def _head(run: Comparison) -> str:
    names = dict.fromkeys(name for _host, name in run.interfaces)
    alike: dict[str, list[str]] = {}
    for host, s in run.systems.items():
        alike.setdefault(f"{s.system} (kernel {s.kernel}), {s.cpu} {s.architecture}", []).append(host)
    systems = (f"{', '.join(hosts)}: {system}" for system, hosts in alike.items())
    lines = [
        f"**Date:** {run.started[:10]}",
        f"**Interfaces:** {', '.join(_card(run, name) for name in names)}",
        f"**Hosts:** {'; '.join(systems)}",
        f"**Inventory:** {'the lab of this machine' if run.lab else run.inventory}",
    ]
    if run.note:
        lines.append(f"**Note:** {run.note}")
    return "# vos-fastpath — Comparison Run Results\n\n" + "  \n".join(lines)


def _card(run: Comparison, name: str) -> str:
    """An interface and its driver, or those of the hosts."""
    drivers = dict.fromkeys(run.phases[0].after[h][i].driver for h, i in run.interfaces if i == name)
    known = ", ".join(driver for driver in drivers if driver)
    return f"{name} ({known})" if known else name


def _build(run: Comparison) -> str:
    first = next(iter(run.builds.values()), {})
    flags = " ".join(f for f in first.get("flags", []) if f in ("-target", "bpf", "-O2", "-mcpu=v3", "-g"))
    rows = [[h, _known(b, "compiler"), _known(b, "sha256")[:12], "built" if b.get("changed") else "was there"] for h, b in run.builds.items()]
    without = [h for h, b in run.builds.items() if "-DSIP_UAPI_HEADERS" in b.get("flags", [])]
    instead = f" {', '.join(without)}: the kernel has no BTF, so by the headers of the distribution." if without else ""
    lines = [
        f"- **vmlinux.h:** Generated from `/sys/kernel/btf/vmlinux` on each host.{instead}",
        f"- **BPF object:** `{first.get('object')}` built with clang `{flags}` (BTF kept for load).",
        f"- **Result:** {_built(run)}.",
    ]
    return "\n".join(lines) + "\n\n" + _table(["Host", "Compiler", "Object (SHA-256)", "Result"], rows)


def _known(build: dict[str, Any], key: str) -> str:
    return build.get(key) or "not known"


def _built(run: Comparison) -> str:
    return "Build succeeded" if any(b.get("changed") for b in run.builds.values()) else "Built before this run"


def _phase(run: Comparison, phase: Phase, more: list[Row]) -> str:
    """One table per host; one column per interface."""
    rows: list[Row] = [
        ("Interface", lambda h, i: f"{i} ({', '.join(phase.after[h][i].flags)})"),
        ("XDP", lambda h, i: _xdp(phase.after[h][i])),
        *more,
        ("RX packets (cumulative)", lambda h, i: f"{phase.after[h][i].rx_packets:,}"),
        ("RX bytes (cumulative)", lambda h, i: f"{phase.after[h][i].rx_bytes:,}"),
        ("RX dropped (cumulative)", lambda h, i: f"{phase.after[h][i].rx_dropped:,}"),
        ("RX packets, bytes, dropped in this phase", lambda h, i: _received(phase, h, i)),
        ("Measured for", lambda h, i: f"{phase.seconds[h]:.1f} s" if h in phase.seconds else "not measured"),
        ("CPU time on software interrupts", lambda h, i: f"{phase.softirq[h]:.2f} %" if h in phase.softirq else "not measured"),
        *_traffic_rows(phase),
    ]
    return _host_tables(run, rows)


def _received(phase: Phase, host: str, name: str) -> str:
    more = phase.received(host, name)
    return "not known: the driver began to count anew" if more is None else ", ".join(f"{n:,}" for n in more)


def _host_tables(run: Comparison, rows: list[Row]) -> str:
    parts = []
    for host in run.systems:
        names = [name for h, name in run.interfaces if h == host]
        body = [[metric, *(value(host, name) for name in names)] for metric, value in rows]
        parts.append(f"**{host}**\n\n" + _table(["Metric", *(["Value"] if len(names) == 1 else names)], body))
    return "\n\n".join(parts)


def _traffic_rows(phase: Phase) -> list[Row]:
    return [row for traffic in phase.traffic for row in (_trusted_rows if traffic.trusted else _other_rows)(phase, traffic)]


def _trusted_rows(phase: Phase, traffic: Traffic) -> Iterator[Row]:
    yield f"sipsak from {traffic.source} (trusted)", _by_address(phase, lambda addresses: _first_lines(traffic, addresses))
    if traffic.calls:
        yield f"SIPp calls of {traffic.source} completed", _by_address(phase, lambda addresses: _ratio(traffic.calls, addresses))
    if any(traffic.round_trips.values()):
        what = f"SIP round trip of {traffic.source}, median and 95 %"
        yield what, _by_address(phase, lambda addresses: times_in_words(traffic.times(addresses)))
    yield f"TCP to the SIP port from {traffic.source}", _by_address(phase, lambda addresses: _all(traffic.tcp[a] for a in traffic.reached(addresses)))


def times_in_words(times: list[float | None]) -> str:
    """None are those without an answer."""
    known = sorted(ms for ms in times if ms is not None)
    said = f"{quantile(known, 0.5):.2f} ms, {quantile(known, 0.95):.2f} ms " if known else ""
    return f"{said}({len(known)} of {len(times)} answered)"


def quantile(times: list[float], part: float) -> float:
    """The least time that this part of them, which are in order, does not exceed; 0 of none."""
    return times[math.ceil(len(times) * part) - 1] if times else 0.0


def _other_rows(phase: Phase, traffic: Traffic) -> Iterator[Row]:
    what = f"Addresses that svmap finds from {traffic.source}"
    yield what, _by_address(phase, lambda addresses: _all(a in traffic.found for a in traffic.reached(addresses)))
    if traffic.probes:
        yield f"OPTIONS of {traffic.source} answered", _by_address(phase, lambda addresses: _ratio(traffic.probes, addresses))
    yield f"TCP to the SIP port from {traffic.source}", _by_address(phase, lambda addresses: _all(traffic.tcp[a] for a in traffic.reached(addresses)))


def _by_address(phase: Phase, text: Callable[[tuple[str, ...]], str]) -> Callable[[str, str], str]:
    """What there is to say of an interface follows from its addresses."""
    return lambda host, name: text(phase.after[host][name].addresses)


def _ratio(table: dict[str, Calls], addresses: tuple[str, ...]) -> str:
    calls = total(table, addresses)
    return f"{calls.completed:,} of {calls.made:,}"


def _first_lines(traffic: Traffic, addresses: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(traffic.sipsak[a] or "no answer" for a in addresses if a in traffic.sipsak))


def _attachment(run: Comparison) -> str:
    lines = []
    for host, name in run.interfaces:
        if not run.filtered(host, name):
            lines.append(f"- **{host} {name}:** no filter was found here, so none is attached.")
            continue
        xdp = run.phases[1].after[host][name].xdp
        attachment = run.attachments.get(host, {}).get(name, {})
        refused = attachment.get("native_refused")
        mode = {"native": "**native** mode", "generic": "**xdpgeneric** (SKB) mode"}.get(xdp.mode, xdp.mode) if xdp else "no program"
        known = "".join(f" {note}." for note in attachment.get("notes", ()))
        why = f" Native XDP: not supported by driver (attempted first): `{refused}`." if refused else known
        lines.append(f"- **{host} {name}:** loaded in {mode}.{why}{_choice(run, host, name)}")
    return "\n".join([*lines, f"- **Attach:** `{run.attach}`"])


def _choice(run: Comparison, host: str, name: str) -> str:
    """What the settings make of the numbers."""
    if run.hides(host, name):
        return ""
    audit = run.stats[host]["interfaces"][name]["audit"]
    return " Audit mode: what it would drop is passed." if audit else " OPTIONS of strangers are passed, by its settings."


def _program_rows(run: Comparison) -> list[Row]:
    def part(key: str) -> Callable[[str, str], str]:
        def text(host: str, name: str) -> str:
            number = getattr(run.phases[1].after[host][name].xdp, key, None)
            return f"{number:,}" if number else "none"

        return text

    def tag(host: str, name: str) -> str:
        xdp = run.phases[1].after[host][name].xdp
        return xdp.tag if xdp else ""

    return [("XDP prog id", part("program")), ("XDP prog tag", tag), ("xdp_counters map id", part("map"))]


def _counters(run: Comparison) -> str:
    """Read by bpftool, before and after the traffic; what was sent was counted by nftables on the outside hosts."""
    phase = run.phases[1]
    parts = ["Read with `bpftool`." + (" What was sent was counted with nftables where it left the traffic sources." if phase.traffic else "")]
    for host in run.systems:
        names = [name for h, name in run.interfaces if h == host]
        counted = {name: phase.counted(host, name) for name in names}
        unknown = {name: "not known" if run.filtered(host, name) else "no filter" for name in names}
        rows = [[label, *(f"{counted[n][slot]:,}" if counted[n] else unknown[n] for n in names), meaning] for slot, (label, meaning) in enumerate(COUNTERS)]
        rows.append(["**Counted in all**", *(f"**{sum(counted[n]):,}**" if counted[n] else unknown[n] for n in names), "The sum of the above"])
        if phase.traffic:
            sent = {n: [phase.sent(phase.after[host][n].addresses, trusted) for trusted in (True, False)] for n in names}
            rows.append(["**Sent**", *(f"**{sum(sent[n]):,}**" for n in names), "From all traffic sources, to a SIP port"])
            rows.append(["of it by trusted sources", *(f"{sent[n][0]:,}" for n in names), "Calls, and OPTIONS"])
            rows.append(["of it by others", *(f"{sent[n][1]:,}" for n in names), "OPTIONS of scans"])
        parts.append(f"**{host}**\n\n" + _table(["Counter", *(["Value"] if len(names) == 1 else names), "Meaning"], rows))
    return "\n\n".join(parts)


def _unloaded(run: Comparison) -> str:
    left = [f"{h} {n}" for h, n in run.interfaces if run.phases[2].after[h][n].xdp]
    result = f"still attached on {', '.join(left)}" if left else "Interfaces back to normal (no `xdp`/`xdpgeneric` in `ip link` output)."
    return f"- **Command:** `{run.unload}`\n- **Result:** {result}"


def _summary(run: Comparison, checks: list[Check]) -> str:
    rows = []
    for phase in run.phases:
        for host, name in run.interfaces:
            link = phase.after[host][name]
            counted = phase.counted(host, name)
            numbers = " / ".join(f"{counted[slot]:,}" for slot in (DROPPED, REDIRECTED, PASSED)) if counted else "N/A"
            trips = phase.round_trips(link.addresses)
            times = f"{quantile(trips, 0.5):.2f} ms" if trips else "N/A"
            softirq = f"{phase.softirq[host]:.2f} %" if host in phase.softirq else "N/A"
            rows.append([phase.name, f"{host} {name}", _xdp(link, "Off"), f"{link.rx_packets:,}", numbers, times, softirq])
    header = ["Phase", "Host and interface", "XDP state", "Interface RX (packets)", "XDP counters (drop / redirect / pass)", "Round trip (median)", "softirq"]
    failed = [c for c in checks if not c.ok]
    loaded = run.phases[1].after and all(run.phases[1].after[h][n].xdp for h, n in run.interfaces if run.filtered(h, n))
    lines = [
        f"- **Build:** {_built(run)}.",
        f"- **Load:** {'OK' if loaded else 'FAILED'} ({_modes(run)}).",
        f"- **Traffic:** {_traffic_summary(run)}",
        *(f"- **TCP throughout:** {line}" for line in _tcp_summary(run)),
        f"- **Checks:** {len(checks) - len(failed)} of {len(checks)} hold.",
        *(f"  - FAILED: {c.sentence()}" for c in failed),
        *([f"- **State:** {run.restored}"] if run.restored else []),
    ]
    if run.seconds:
        lines.append(f"- **Times:** {', '.join(f'{what} {seconds:.1f} s' for what, seconds in run.seconds.items())}.")
    return _table(header, rows) + "\n\n" + "\n".join(lines)


def _traffic_summary(run: Comparison) -> str:
    if run.sources and not any(phase.traffic for phase in run.phases):
        return f"none made: {', '.join(run.sources)} should have, and could not. The counters are what others sent."
    if not any(phase.traffic for phase in run.phases):
        return (
            "none made, for no host of the group `traffic_sources` took part. The counters are what others sent; they are 0 where no SIP came in from"
            " the network: what a host sends to its own address does not pass the interface. To see them increase, put another host into that group."
        )
    asked = f"{run.asked}. " if run.asked else ""
    return asked + "; ".join(f"{phase.name}: {_traffic_of(phase)}" for phase in run.phases) + "."


def _traffic_of(phase: Phase) -> str:
    calls = [c for t in phase.traffic for c in t.calls.values()]
    scans = [t for t in phase.traffic if not t.trusted]
    completed = [f"{sum(c.completed for c in calls)} of {sum(c.made for c in calls)} calls completed"] if calls else []
    return ", ".join([*completed, f"svmap found {sum(len(t.found) for t in scans)} addresses" if scans else "no scan"])


def _tcp_summary(run: Comparison) -> list[str]:
    if not run.watched:
        return []
    kept = sum(not w.failure and w.asked == w.answered for w in run.watched)
    asked, answered = sum(w.asked for w in run.watched), sum(w.answered for w in run.watched)
    seconds = run.watched[0].seconds
    return [f"{kept} of {len(run.watched)} connections were kept for {seconds:.0f} s; {answered} of {asked} requests answered."]


def _modes(run: Comparison) -> str:
    links = (run.phases[1].after[h][n].xdp for h, n in run.interfaces if run.filtered(h, n))
    return ", ".join(dict.fromkeys({"generic": "SKB / generic mode", "native": "native mode"}.get(x.mode, x.mode) if x else "not loaded" for x in links))


def _xdp(link: Link, without: str = "none") -> str:
    return {"generic": "xdpgeneric", "native": "xdp (native)"}.get(link.xdp.mode, link.xdp.mode) if link.xdp else without


def _all(values: Iterable[bool]) -> str:
    seen = list(values)
    return f"{sum(seen)} of {len(seen)}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    """Aligned, so that it reads well in a terminal too."""
    widths = [max(len(row[n]) for row in [header, *rows]) for n in range(len(header))]
    lines = [header, ["-" * w for w in widths], *rows]
    return "\n".join("| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines)
