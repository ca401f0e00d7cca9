# SPDX-License-Identifier: GPL-3.0-or-later

"""What the program costs a packet: BPF_PROG_TEST_RUN beside an empty program, in turns, the minimum of many.

Writes program_cost.md, .json and .svg into the results folder. Needs root, clang and bpftool; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import struct
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = tempfile.TemporaryDirectory(prefix="vos-fastpath-tree-")
TREE = Path(LINK.name, "ansible_collections", "vos", "fastpath")
TREE.parent.mkdir(parents=True)
TREE.symlink_to(ROOT, target_is_directory=True)
sys.path[:0] = [LINK.name, str(ROOT / "tests" / "bpf")]

import frames as f
import harness
import verifier
from random_source import in_front_of

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi
from ansible_collections.vos.fastpath.plugins.module_utils import _bpf

PROG_LOAD, XDP = 5, 6
HOSTS_FEW, HOSTS_MANY, PREFIXES = 1000, 1_000_000, 1000
BLOCKED = abi.LIST_ENTRY.pack(abi.LISTS["block"], 32, 0, 0, 0, 0)
NO_LIMIT = (1 << 31) - 1

RTP = bytes.fromhex("80004e2a000027100badcafe") + bytes(160)
INVITE = f.request(b"INVITE", b"sip:+12025550100@trunk.example.net;user=phone")
OPTIONS = f.request(b"OPTIONS", b"sip:100@192.0.2.1")
RESPONSE = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Cost:
    """One line of the result."""

    name: str
    verdict: str
    floor: int
    ours: int
    target: int | None

    @property
    def over(self) -> int:
        return self.ours - self.floor


def empty_program() -> int:
    """A program of two instructions: return XDP_PASS."""
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    return _bpf.bpf(PROG_LOAD, _bpf.attributes("IIQQ", XDP, 2, ctypes.addressof(code), ctypes.addressof(licence)))


class Bench:
    """A loaded program and an empty one, run in turns."""

    def __init__(self, program: harness.Program, rounds: int, repeat: int) -> None:
        self.program = program
        self.rounds, self.repeat = rounds, repeat
        self.fds = (empty_program(), program.fd)
        self.costs: list[Cost] = []

    def _timed(self, fd: int, frame: bytes, repeat: int) -> int:
        self.program.fd = fd
        try:
            return self.program.timed(frame, repeat=repeat)[1]
        finally:
            self.program.fd = self.fds[1]

    def measure(self, name: str, frame: bytes, target: int | None = None) -> None:
        """The same frame again and again: all that it touches is in the cache."""
        times = [[self._timed(fd, frame, self.repeat) for fd in self.fds] for _round in range(self.rounds)]
        floor, ours = (min(column) for column in zip(*times, strict=True))
        self._keep(Cost(name, self.program.run(frame), floor, ours, target))

    def measure_random(self, name: str, frame: bytes, hosts: int, target: int) -> None:
        """Another source for every packet, out of so many: what it touches is in no cache. The floor has them too."""
        times = []
        for fd in (None, self.program.fd):
            with tempfile.TemporaryDirectory() as folder, in_front_of(fd, hosts, Path(folder)) as chain:
                times.append(min(self._timed(chain, frame, 10 * self.repeat) for _round in range(self.rounds)))
        self._keep(Cost(name, self.program.run(frame), *times, target))

    def _keep(self, cost: Cost) -> None:
        self.costs.append(cost)
        print(f"{cost.name:60} {cost.verdict:5} {cost.floor:4} {cost.ours:4} {cost.over:+5}  {cost.target or ''}", flush=True)


def defaults(program: harness.Program, **more: int) -> None:
    program.set(stealth_methods=harness.mask("OPTIONS"), malformed_scope=1, **more)


def without_lists(bench: Bench) -> None:
    defaults(bench.program)
    bench.measure("RTP over IPv4", f.sip4(RTP, port=16384), 5)
    bench.measure("RTP over IPv6", f.sip6(RTP, port=16384), 5)
    for name, payload in (("OPTIONS", OPTIONS), ("response", RESPONSE), ("INVITE", INVITE), ("keepalive", b"\r\n\r\n"), ("STUN", f.stun())):
        bench.measure(f"{name}, no lists", f.sip4(payload))
    bench.measure("INVITE of 1,400 bytes in its start line, no lists", f.sip4(f.request(uri=b"sip:" + b"u" * 1400)))


def with_few_hosts(bench: Bench) -> None:
    bench.program.maps["hosts_v4"].update_many([host(number) for number in range(HOSTS_FEW)], [BLOCKED] * HOSTS_FEW)
    bench.program.maps["list_gate"].update(harness.FIRST, abi.GATE.pack(HOSTS_FEW, 0, 0, 0, 0, HOSTS_FEW))
    for name, payload in (("OPTIONS", OPTIONS), ("response", RESPONSE), ("INVITE", INVITE)):
        bench.measure(f"{name}, {HOSTS_FEW:,} hosts", f.sip4(payload), 35)
    defaults(bench.program, rate_per_second=NO_LIMIT, rate_burst=NO_LIMIT)
    bench.measure(f"INVITE, {HOSTS_FEW:,} hosts, rate limit", f.sip4(INVITE), 95)
    defaults(bench.program)


def with_prefixes(bench: Bench) -> None:
    keys = [struct.pack("=I", 28) + struct.pack("!I", 0xAC100000 + 16 * number) for number in range(PREFIXES)]
    bench.program.maps["prefixes_v4"].update_many(keys, [BLOCKED] * PREFIXES)
    bench.program.maps["list_gate"].update(harness.FIRST, abi.GATE.pack(HOSTS_FEW, 0, PREFIXES, 0, 0, 0))
    for name, payload in (("OPTIONS", OPTIONS), ("response", RESPONSE), ("INVITE", INVITE)):
        bench.measure(f"{name}, {HOSTS_FEW:,} hosts and {PREFIXES:,} prefixes", f.sip4(payload), 100)


def with_many_hosts(bench: Bench) -> None:
    bench.program.forget()
    bench.program.maps["hosts_v4"].update_many([host(number) for number in range(HOSTS_MANY)], [BLOCKED] * HOSTS_MANY)
    bench.program.maps["list_gate"].update(harness.FIRST, abi.GATE.pack(HOSTS_MANY, 0, 0, 0, 0, HOSTS_MANY))
    bench.measure(f"blocked source, {HOSTS_MANY:,} hosts, hot", f.sip4(INVITE, source="10.1.2.3"), 40)
    bench.measure_random(f"blocked sources, {HOSTS_MANY:,} hosts, at random", f.sip4(INVITE, source="10.1.2.3"), HOSTS_MANY, 270)


def host(number: int) -> bytes:
    return struct.pack("!I", 0x0A000000 + number)


STAGES: tuple[Callable[[Bench], None], ...] = (without_lists, with_few_hosts, with_prefixes, with_many_hosts)


def markdown(costs: list[Cost], verified: dict[str, int], states: int) -> str:
    lines = [
        "# What a packet costs",
        "",
        "Nanoseconds per packet by BPF_PROG_TEST_RUN beside an empty program in the same process, the minimum of many.",
        f"Kernel {platform.release()}, {processor()}. Made by `benchmarks/program_cost.py`.",
        "",
        "| packet | verdict | empty program | this program | over it | target |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {c.name} | {c.verdict} | {c.floor} | {c.ours} | {c.over} | {c.target or ''} |" for c in costs]
    lines += ["", "| loaded | instructions the verifier went through |", "|---|---|"]
    lines += [f"| {name} | {number:,} |" for name, number in verified.items()]
    lines += ["", f"For the first of these the verifier kept {states:,} states."]
    return "\n".join(lines) + "\n"


def svg(costs: list[Cost]) -> str:
    """A bar for each packet, a mark where its target is."""
    left, step, scale = 400, 22, 2.0
    top = max(max(cost.over, cost.target or 0) for cost in costs)
    width, height = int(left + top * scale + 60), step * len(costs) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text x="10" y="18" font-weight="bold">ns per packet over an empty program; the line is the target</text>',
    ]
    for number, cost in enumerate(costs):
        y = 30 + step * number
        over = max(cost.over, 0) * scale
        within = cost.target is None or cost.over <= cost.target
        parts.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{cost.name}</text>')
        parts.append(f'<rect x="{left}" y="{y + 2}" width="{over:.0f}" height="14" fill="{"#3b7d4f" if within else "#b5651d"}"/>')
        parts.append(f'<text x="{left + over + 5:.0f}" y="{y + 13}">{cost.over}</text>')
        if cost.target is not None:
            x = left + cost.target * scale
            parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{y}" y2="{y + 18}" stroke="#222" stroke-width="2"/>')
    return "\n".join((*parts, "</svg>")) + "\n"


def processor() -> str:
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def verified_by_load(path: Path) -> dict[str, int]:
    ways = {"port 5060, AF_XDP off": {}, "AF_XDP on": {"af_xdp": True}, "AF_XDP on, frames of several buffers": {"af_xdp": True, "frags": True}}
    found = {}
    for name, options in ways.items():
        with harness.load(path, **options) as program:
            found[name] = program.verified()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--rounds", type=int, default=21, help="the minimum of so many")
    parser.add_argument("--repeat", type=int, default=20_000, help="runs of which each takes the average")
    arguments = parser.parse_args()
    harness.cpu_of_one()
    with tempfile.TemporaryDirectory() as folder:
        path = harness.build(Path(folder))
        verified, states = verified_by_load(path), verifier.effort(path)["states"]
        with harness.load(path) as program:
            bench = Bench(program, arguments.rounds, arguments.repeat)
            for stage in STAGES:
                stage(bench)
    arguments.results.mkdir(parents=True, exist_ok=True)
    result = {"kernel": platform.release(), "processor": processor(), "verified": verified, "states": states}
    costs = [{**asdict(cost), "over": cost.over} for cost in bench.costs]
    (arguments.results / "program_cost.json").write_text(json.dumps({**result, "costs": costs}, indent=2) + "\n", encoding="utf-8")
    (arguments.results / "program_cost.md").write_text(markdown(bench.costs, verified, states), encoding="utf-8")
    (arguments.results / "program_cost.svg").write_text(svg(bench.costs), encoding="utf-8")


if __name__ == "__main__":
    main()
