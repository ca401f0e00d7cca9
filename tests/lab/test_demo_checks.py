# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demonstration calls a failure: a run in which all is well, and what is said of it with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.demo.checks import checks
from lab.demo.model import Calls, Comparison, Link, Phase, Program, System, Traffic, Watched
from lab.demo.report import report

ADDRESS = "198.19.1.1"
OTHER = "198.19.2.1"
BOTH = (ADDRESS, OTHER)


def link(address: str, xdp: Program | None) -> Link:
    """An interface that is up."""
    return Link(("UP", "LOWER_UP"), (address,), rx_packets=1000, rx_bytes=50000, rx_dropped=0, xdp=xdp)


def links(native: Program | None, generic: Program | None) -> dict[str, dict[str, Link]]:
    """One SBC with its two interfaces."""
    return {"sbc1": {"enp1s0": link(ADDRESS, native), "br-sip": link(OTHER, generic)}}


def programs(counters: tuple[int, ...]) -> dict[str, dict[str, Link]]:
    """The filter on both."""
    return links(Program("native", 7, 70, counters), Program("generic", 8, 80, counters))


def traffic(answered: bool) -> tuple[Traffic, Traffic]:
    """10 calls of 6 packets and an OPTIONS from the peer, 21 OPTIONS from the scanner, to each address."""
    peer = Traffic(
        "peer",
        trusted=True,
        sent=dict.fromkeys(BOTH, 61),
        tcp=dict.fromkeys(BOTH, True),
        sipsak=dict.fromkeys(BOTH, "SIP/2.0 200 Keepalive"),
        calls=dict.fromkeys(BOTH, Calls(10, 10)),
    )
    scanner = Traffic(
        "scanner",
        trusted=False,
        sent=dict.fromkeys(BOTH, 21),
        tcp=dict.fromkeys(BOTH, True),
        found=BOTH if answered else (),
        probes=dict.fromkeys(BOTH, Calls(20, 20 if answered else 0)),
    )
    return peer, scanner


def good_run() -> Comparison:
    """As it should be."""
    counted = {"options_dropped": 21, "redirected": 0, "passed": 66, "blocked": 0, "malformed": 0}
    nothing = links(None, None)
    return Comparison(
        started="2026-01-02T03:04:05+00:00",
        inventory="lab/inventory",
        lab=True,
        systems={"sbc1": System("6.12.1", "x86_64", "Debian GNU/Linux 13 (trixie)", "AMD")},
        phases=(
            Phase("Baseline", nothing, nothing, traffic(answered=True)),
            Phase("With XDP", programs((0, 0, 5, 0, 0)), programs((21, 0, 66, 0, 0)), traffic(answered=False)),
            Phase("After unload", nothing, nothing, traffic(answered=True)),
        ),
        builds={"sbc1": {"object": "build/sip_logic.bpf.o", "compiler": "clang 19", "sha256": "0123456789abcdef", "flags": ["-O2"], "changed": True}},
        attachments={"sbc1": {"enp1s0": {"native_refused": None}, "br-sip": {"native_refused": "the driver's words"}}},
        stats={"sbc1": {"interfaces": {"enp1s0": {"counters": dict(counted)}, "br-sip": {"counters": dict(counted)}}}},
        watched=(Watched("peer", ADDRESS, asked=9, answered=9, failure="", seconds=3.0),),
        seconds={"traffic": 1.0},
    )


def failures(run: Comparison) -> list[str]:
    """What is said of a run."""
    return [check.sentence() for check in checks(run) if not check.ok]


Change = Callable[[Phase], Phase]


def with_peer(**changes: object) -> Change:
    """Something else of the trusted peer's traffic."""
    return lambda phase: replace(phase, traffic=(replace(phase.traffic[0], **changes), phase.traffic[1]))


def with_scanner(**changes: object) -> Change:
    """Something else of the scanner's traffic."""
    return lambda phase: replace(phase, traffic=(phase.traffic[0], replace(phase.traffic[1], **changes)))


def after(interfaces: dict[str, dict[str, Link]]) -> Change:
    """Other interfaces at the end of the phase."""
    return lambda phase: replace(phase, after=interfaces)


def changed(number: int, change: Change) -> Comparison:
    """The good run with one phase changed."""
    run = good_run()
    phases = list(run.phases)
    phases[number] = change(phases[number])
    return replace(run, phases=(phases[0], phases[1], phases[2]))


def test_a_good_run_has_no_failure_and_every_kind_of_check():
    assert failures(good_run()) == []
    assert {c.what.split()[0] for c in checks(good_run())} >= {"an", "the", "peer", "all", "svmap", "every", "no", "what", "nothing", "a"}


@pytest.mark.parametrize(
    "number, change, sentence",
    [
        (0, with_scanner(found=(ADDRESS,)), "Baseline, sbc1 br-sip: svmap from scanner finds it: 0 of 1 addresses"),
        (1, with_scanner(found=(OTHER,)), "With XDP, sbc1 br-sip: svmap from scanner finds nothing: 1 of 1 addresses"),
        (2, with_scanner(found=()), "After unload, sbc1 enp1s0: svmap from scanner finds it: 0 of 1 addresses"),
        (1, with_scanner(probes={ADDRESS: Calls(20, 1)}), "With XDP, sbc1 enp1s0: no OPTIONS of scanner is answered: 1 of 20"),
        (2, with_scanner(probes={ADDRESS: Calls(20, 19)}), "After unload, sbc1 enp1s0: every OPTIONS of scanner is answered: 19 of 20"),
        (1, with_scanner(tcp={ADDRESS: True, OTHER: False}), "With XDP, sbc1 br-sip: scanner connects by TCP: 0 of 1 addresses"),
        (1, with_peer(tcp={ADDRESS: False, OTHER: True}), "With XDP, sbc1 enp1s0: peer connects by TCP: 0 of 1 addresses"),
        (1, with_peer(sipsak={ADDRESS: ""}), "With XDP, sbc1 enp1s0: peer gets 200 to sipsak: 0 of 1 addresses"),
        (0, with_peer(sipsak={ADDRESS: "SIP/2.0 404 Not Here"}), "Baseline, sbc1 enp1s0: peer gets 200 to sipsak: 0 of 1 addresses"),
        (0, with_peer(sipsak={ADDRESS: "SIP/2.0 503 Over 200 calls"}), "Baseline, sbc1 enp1s0: peer gets 200 to sipsak: 0 of 1 addresses"),
        (1, with_peer(calls={ADDRESS: Calls(10, 9)}), "With XDP, sbc1 enp1s0: all SIPp calls of peer complete: 9 of 10"),
        (0, after(programs((0, 0, 0, 0, 0))), "Baseline, sbc1 enp1s0: an XDP program is not attached: native"),
        (1, after(links(None, None)), "With XDP, sbc1 br-sip: an XDP program is attached: none"),
        (1, after(links(Program("generic", 7, 70, (21, 0, 66, 0, 0)), None)), "With XDP, sbc1 enp1s0: the mode is native: generic"),
        (2, after(programs((0, 0, 0, 0, 0))), "After unload, sbc1 br-sip: an XDP program is not attached: generic"),
        (1, after(links(Program("native", 9, None), None)), "With XDP, sbc1 enp1s0: the filter's counters can be read: no map xdp_counters"),
        (1, after(programs((21, 0, 65, 0, 0))), "With XDP, sbc1 enp1s0: every packet sent is counted, exactly once: 81 counted, 82 sent"),
        (1, after(programs((22, 0, 66, 0, 0))), "With XDP, sbc1 enp1s0: every packet sent is counted, exactly once: 83 counted, 82 sent"),
        (1, after(programs((20, 0, 67, 0, 0))), "With XDP, sbc1 br-sip: what the scanner sent was dropped as stealth: 20 counted, 21 sent"),
        (1, after(programs((21, 0, 65, 1, 0))), "With XDP, sbc1 br-sip: what the trusted peer sent was passed: 60 counted, 61 sent"),
        (1, after(programs((21, 0, 65, 0, 1))), "With XDP, sbc1 enp1s0: nothing was counted as blocked or malformed: 1"),
    ],
)
def test_what_is_wrong_is_a_failure(number, change, sentence):
    assert sentence in failures(changed(number, change))


def test_a_module_that_reads_other_counters_is_a_failure():
    run = good_run()
    run.stats["sbc1"]["interfaces"]["enp1s0"]["counters"]["passed"] = 67
    assert failures(run) == ["With XDP, sbc1 enp1s0: the module xdp_stats and bpftool read the same counters: [21, 0, 67, 0, 0] and [21, 0, 66, 0, 0]"]


@pytest.mark.parametrize(
    "seen",
    [
        Watched("peer", ADDRESS, asked=9, answered=8, failure="", seconds=3.0),
        Watched("peer", ADDRESS, asked=0, answered=0, failure="", seconds=3.0),
        Watched("peer", ADDRESS, asked=9, answered=9, failure="closed by the server", seconds=3.0),
    ],
)
def test_a_connection_that_did_not_last_is_a_failure(seen):
    (sentence,) = failures(replace(good_run(), watched=(seen,)))
    assert sentence.startswith(f"peer to {ADDRESS}: a TCP connection works throughout")


def test_in_a_fleet_of_ones_own_others_may_talk_too():
    busy = replace(changed(1, after(programs((30, 0, 500, 2, 1)))), lab=False)
    assert failures(busy) == []
    lost = replace(changed(1, after(programs((20, 0, 500, 2, 1)))), lab=False)
    assert failures(lost) == [f"With XDP, sbc1 {i}: what the scanner sent was dropped as stealth: 20 counted, 21 sent" for i in ("enp1s0", "br-sip")]


def test_the_report_has_the_shape_of_the_comparison_run_and_names_failures():
    run = changed(1, with_peer(calls={ADDRESS: Calls(10, 9)}))
    text = report(run, checks(run), "how to")
    titles = [line for line in text.splitlines() if line.startswith("#")]
    assert titles == [
        "# vos-fastpath — Comparison Run Results",
        "## 1. Build",
        "## 2. Baseline (no XDP)",
        "## 3. With XDP loaded (native mode, SKB / generic mode)",
        "### XDP counters",
        "## 4. After unloading XDP",
        "## 5. Summary",
        "## 6. The same on your own fleet",
    ]
    assert "**Date:** 2026-01-02" in text
    assert "| OPTIONS dropped (stealth) | 21     | 21     |" in text
    assert "| With XDP     | sbc1 br-sip        | xdpgeneric   | 1,000                  | 21 / 0 / 61                           |" in text
    assert "not supported by driver (attempted first): `the driver's words`" in text
    assert "FAILED: With XDP, sbc1 enp1s0: all SIPp calls of peer complete: 9 of 10" in text
