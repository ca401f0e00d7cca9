# SPDX-License-Identifier: GPL-3.0-or-later
"""Real SIP traffic from an outside host, and a count of what left it. Runs on that host.

python3 traffic.py '{"trusted": true, "addresses": ["192.0.2.1"], "port": 5060, "calls": 20, "rate": 50}'

A trusted host asks OPTIONS with sipsak, makes calls with SIPp and times answers beside them, connects by TCP. One that is not trusted scans with
svmap, sends OPTIONS with SIPp as fast as a scanner does, and connects by TCP. The answer is JSON. The count is
nftables', on the interface that the packets leave by: neither the tools nor the filter have a part in it.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import typing as t

TABLE = "vos_fastpath_demo"
SCENARIOS = "/usr/local/share/sipp"
CALLED_PORT = 5080
CALLER_PORT = 5100
MEDIA_PORT = 20000
PATIENCE = 2.0
"""Seconds that an answer may take."""

START = 30.0
"""Seconds that a program may take to be ready, on a machine that is busy."""

PAUSE = 0.1
"""Seconds between two rounds of requests that are timed."""


def main(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """Traffic to every address, counted."""
    addresses, port = config["addresses"], config["port"]
    with_sipp = ["sipp"] if config.get("calls") or config.get("probes") else []
    need(["ip", "nft", "sipsak" if config["trusted"] else "svmap", *with_sipp])
    with counted(addresses, port) as count:
        if config["trusted"]:
            found: dict[str, t.Any] = {"sipsak": {a: sipsak(a, port) for a in addresses if ":" not in a}}
            with concurrent.futures.ThreadPoolExecutor() as beside:
                asked = beside.submit(round_trips, addresses, port, config.get("round_trips", 0))
                found["calls"] = calls(config) if config["calls"] else {}
                found["round_trips"] = asked.result()
        else:
            found = {"found": svmap(addresses, port)}
            found["probes"] = probes(config) if config["probes"] else {}
        found["tcp"] = {a: connects(a, port) for a in addresses}
        found["sent"] = count()
    return found


def need(programs: list[str]) -> None:
    """Say which program is missing rather than fail in the middle."""
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        sys.exit("this traffic source lacks {}: install sip-tester, sipsak, sipvicious, nftables, iproute2".format(", ".join(missing)))


@contextlib.contextmanager
def counted(addresses: list[str], port: int) -> t.Iterator[t.Callable[[], dict[str, int]]]:
    """A counter per address on the egress hook of the interface that leads there."""
    run("nft", "-f", "-", stdin="table netdev {0}\ndelete table netdev {0}\n".format(TABLE) + ruleset(addresses, port))
    try:
        yield counts
    finally:
        run("nft", "delete", "table", "netdev", TABLE)


def ruleset(addresses: list[str], port: int) -> str:
    """One chain per interface, one counter per address."""
    by_device: dict[str, list[tuple[int, str]]] = {}
    for number, address in enumerate(addresses):
        by_device.setdefault(route(address)["dev"], []).append((number, address))
    lines = ["table netdev {} {{".format(TABLE)]
    lines += ['counter c{} {{ comment "{}" }}'.format(n, a) for rules in by_device.values() for n, a in rules]
    for number, (device, rules) in enumerate(by_device.items()):
        lines.append('chain out{} {{ type filter hook egress device "{}" priority 0;'.format(number, device))
        lines += ["{} daddr {} udp dport {} counter name c{}".format("ip6" if ":" in a else "ip", a, port, n) for n, a in rules]
        lines.append("}")
    return "\n".join(lines + ["}", ""])


def counts() -> dict[str, int]:
    """Packets sent, by address."""
    listing = json.loads(run("nft", "-j", "list", "counters", "table", "netdev", TABLE))["nftables"]
    return {c["counter"]["comment"]: c["counter"]["packets"] for c in listing if "counter" in c}


def route(address: str) -> dict[str, str]:
    """The way to an address: dev, and prefsrc, the address of ours that is used."""
    first: dict[str, str] = json.loads(run("ip", "-j", "route", "get", address))[0]
    return first


def sipsak(address: str, port: int) -> str:
    """The first line of the answer to OPTIONS; empty where there is none."""
    argv = ["sipsak", "-vv", "-H", route(address)["prefsrc"], "-s", "sip:demo@{}:{}".format(address, port)]
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, errors="replace")
    answer = re.search(r"^SIP/2\.0 \d{3} .*", done.stdout, re.MULTILINE)
    return answer.group().strip() if answer else ""


def svmap(addresses: list[str], port: int) -> list[str]:
    """The addresses that a scan finds. The tool takes many IPv4 addresses, or one of IPv6."""
    plain = [a for a in addresses if ":" not in a]
    scans = ([plain] if plain else []) + [["-6", a] for a in addresses if ":" in a]
    processes = []
    for number, scan in enumerate(scans):
        # Each has a source port of its own.
        argv = ["svmap", "-p", str(port), "-P", str(15060 + number)] + scan
        processes.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True))
    printed = "".join(p.communicate()[0] for p in processes)
    return [a for a in addresses if re.search(r"(?m)^\|\s*{}:{}\s*\|".format(re.escape(a), port), printed)]


def calls(config: dict[str, t.Any]) -> dict[str, dict[str, int]]:
    """So many calls to each address; SIPp on both ends, the SBC in between."""
    sources = sorted({route(a)["prefsrc"] for a in config["addresses"]})
    called = [answer(source, n, scenario(config, "uas")) for n, source in enumerate(sources)]
    try:
        for source, process in zip(sources, called):
            await_bound(source, CALLED_PORT, process)
        return sipp(config, [*scenario(config, "uac"), "-d", "200"], config["calls"], config["rate"])
    finally:
        for process in called:
            process.kill()
            process.wait()


def round_trips(addresses: list[str], port: int, number: int) -> dict[str, list[float | None]]:
    """Milliseconds from OPTIONS to its answer, so many for each address; none where there is no answer."""
    found: dict[str, list[float | None]] = {address: [] for address in addresses}
    for turn in range(number):
        for address in addresses:
            try:
                found[address].append(round_trip(address, port, turn))
            except OSError:
                found[address].append(None)
        time.sleep(PAUSE)
    return found


def round_trip(address: str, port: int, turn: int) -> float:
    """One of them, on a socket of its own: a late answer to another is not taken for this one's."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(PATIENCE)
        asking.connect((address, port))
        host, own = asking.getsockname()[:2]
        here = "{}:{}".format("[{}]".format(host) if ":" in host else host, own)
        there = "[{}]".format(address) if ":" in address else address
        lines = [
            "OPTIONS sip:ping@{} SIP/2.0".format(there),
            "Via: SIP/2.0/UDP {};branch=z9hG4bK{}-{}".format(here, os.getpid(), turn),
            "From: <sip:ping@{}>;tag={}".format(here, turn),
            "To: <sip:ping@{}>".format(there),
            "Call-ID: {}-{}@{}".format(os.getpid(), turn, here),
            "CSeq: 1 OPTIONS",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        begun = time.monotonic()
        asking.send("".join(line + "\r\n" for line in [*lines, ""]).encode())
        asking.recv(4096)
        return round((time.monotonic() - begun) * 1000, 3)


def probes(config: dict[str, t.Any]) -> dict[str, dict[str, int]]:
    """So many OPTIONS to each address, sent once each; which of them are answered."""
    return sipp(config, [*scenario(config, "options"), "-nr"], config["probes"], config["probe_rate"])


def scenario(config: dict[str, t.Any], name: str) -> list[str]:
    """SIPp's option for one of the scenarios."""
    return ["-sf", "{}/{}.xml".format(config.get("scenarios", SCENARIOS), name)]


def answer(source: str, index: int, script: list[str]) -> subprocess.Popen[bytes]:
    """The called party."""
    media = MEDIA_PORT + 4000 + 500 * index
    return start(["sipp", *script, "-i", source, "-p", str(CALLED_PORT), "-mp", str(media), "-nostdin"])


def sipp(config: dict[str, t.Any], script: list[str], number: int, rate: int) -> dict[str, dict[str, int]]:
    """One SIPp to each address, all at once; how many of its calls were made and completed."""
    with tempfile.TemporaryDirectory() as folder:
        running: dict[str, tuple[subprocess.Popen[bytes], str]] = {}
        for index, address in enumerate(config["addresses"]):
            statistics = os.path.join(folder, "{}.csv".format(index))
            remote = ("[{}]:{}" if ":" in address else "{}:{}").format(address, config["port"])
            argv = ["sipp", "-i", route(address)["prefsrc"], "-p", str(CALLER_PORT + index), "-mp", str(MEDIA_PORT + 10 * index)]
            argv += script + ["-m", str(number), "-r", str(rate), "-timeout", str(60 + number // rate), "-nostdin"]
            running[address] = start(argv + ["-trace_stat", "-stf", statistics, remote]), statistics
        return {address: outcome(*one, number) for address, one in running.items()}


def start(argv: list[str]) -> subprocess.Popen[bytes]:
    """In the background; what it draws on the screen is for nobody."""
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def outcome(process: subprocess.Popen[bytes], statistics: str, number: int) -> dict[str, int]:
    """How many calls were asked for, and how many were completed."""
    process.wait()
    completed = 0
    with contextlib.suppress(OSError), open(statistics) as file:
        rows = list(csv.DictReader(file, delimiter=";"))
        completed = int(rows[-1]["SuccessfulCall(C)"]) if rows else 0
    return {"made": number, "completed": completed}


def await_bound(source: str, port: int, process: subprocess.Popen[bytes]) -> None:
    """Until the called party has its port."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    end = time.monotonic() + START
    while process.poll() is None and time.monotonic() < end:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((source, port))
            except OSError:
                return
        time.sleep(PAUSE / 5)
    how = "is not ready after {:.0f} s".format(START) if process.poll() is None else "ended with status {}".format(process.returncode)
    sys.exit("SIPp, which was to answer calls on {} port {}, {}".format(source, port, how))


def connects(address: str, port: int) -> bool:
    """Whether a TCP connection is made."""
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


def run(*argv: str, stdin: str | None = None) -> str:
    """The output of a program that has to succeed."""
    done = subprocess.run(argv, check=False, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        sys.exit("{}: exit {}: {}".format(" ".join(argv), done.returncode, done.stderr.strip() or done.stdout.strip()))
    return done.stdout


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
