# SPDX-License-Identifier: GPL-3.0-or-later
"""Real SIP traffic from an outside host, and a count of what left it. Runs on that host.

python3 traffic.py '{"trusted": true, "addresses": {"192.0.2.1": 5060}, "calls": 20, "rate": 50}'     each address with its SIP port
python3 traffic.py '{"look": true, …}'     sends nothing, and says whether it could

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
import signal
import socket
import subprocess
import sys
import tempfile
import time
import typing as t

TABLE = "vos_fastpath_demo"
ALONE = "\0vos-fastpath-traffic"
"""The name of a socket, which one process has at a time and the kernel takes back."""

SCENARIOS = "/usr/local/share/sipp"
COMPLETED = ("SuccessfulCall(C)",)
ANSWERED = (*COMPLETED, "FailedUnexpectedMessage(C)")
"""Columns of SIPp's statistics: calls that went as the scenario says, and those that got any other answer, such as 404."""

CALLED_PORT = 5080
CALLER_PORT = 5100
MEDIA_PORT = 20000
PATIENCE = 2.0
"""Seconds that an answer may take."""

START = 30.0
"""Seconds that a program may take to be ready, on a machine that is busy."""

PAUSE = 0.1
"""Seconds between two rounds of requests that are timed."""

LONGEST = 60.0
"""Seconds that they may take where nobody answers, and were to take less."""


def main(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """Traffic to every address that there is a route to, counted."""
    with_sipp = ["sipp"] if config.get("calls") or config.get("probes") else []
    need(["ip", "nft", "sipsak" if config["trusted"] else "svmap", *with_sipp])
    addresses = {a: port for a, port in config["addresses"].items() if route(a)}
    if config["addresses"] and not addresses:
        sys.exit("this traffic source has a route to none of {}: give it one, or leave it out".format(", ".join(config["addresses"])))
    with alone(), brought(config) as scenarios, counted(addresses) as count:
        found: dict[str, t.Any] = {}
        if not config.get("look"):
            known = {**config, "addresses": addresses, "scenarios": scenarios}
            found = trusted(known) if config["trusted"] else scan(known)
            found["tcp"] = beside(connects, addresses)
        return {**found, "sent": count(), "unrouted": [a for a in config["addresses"] if a not in addresses]}


def trusted(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """Questions and calls of one whom the filter knows."""
    addresses = config["addresses"]
    found: dict[str, t.Any] = {"sipsak": beside(sipsak, {a: port for a, port in addresses.items() if ":" not in a})}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(round_trips, addresses, config.get("round_trips", 0), config.get("seconds", 0.0))
        found["calls"] = calls(config) if config["calls"] else {}
        found["round_trips"] = asked.result()
    return found


def scan(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a scanner sends."""
    return {"found": svmap(config["addresses"]), "probes": probes(config) if config["probes"] else {}}


def beside(ask: t.Callable[[str, int], t.Any], addresses: dict[str, int]) -> dict[str, t.Any]:
    """All of them at once: where nobody answers, each takes half a minute."""
    with concurrent.futures.ThreadPoolExecutor(max(1, len(addresses))) as pool:
        return dict(zip(addresses, pool.map(ask, addresses, addresses.values())))


def need(programs: list[str]) -> None:
    """Say which program is missing rather than fail in the middle."""
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        sys.exit("this traffic source lacks {}: install sip-tester, sipsak, sipvicious, nftables, iproute2".format(", ".join(missing)))


@contextlib.contextmanager
def alone() -> t.Iterator[None]:
    """Two at once would have the same ports, and the same counters."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
        try:
            held.bind(ALONE)
        except OSError:
            sys.exit("another run sends from this traffic source just now: wait until it is over")
        yield


@contextlib.contextmanager
def brought(config: dict[str, t.Any]) -> t.Iterator[str]:
    """The folder of SIPp's scenarios: those that came along, by name; else those of the lab."""
    with tempfile.TemporaryDirectory(prefix="vos-fastpath-") as folder:
        for name, text in config.get("scripts", {}).items():
            with open(os.path.join(folder, name + ".xml"), "w") as file:
                file.write(text)
        yield folder if "scripts" in config else SCENARIOS


@contextlib.contextmanager
def counted(addresses: dict[str, int]) -> t.Iterator[t.Callable[[], dict[str, int]]]:
    """A counter per address on the egress hook of the interface that leads there."""
    run("nft", "-f", "-", stdin="table netdev {0}\ndelete table netdev {0}\n".format(TABLE) + ruleset(addresses))
    try:
        yield counts
    finally:
        run("nft", "delete", "table", "netdev", TABLE)


def ruleset(addresses: dict[str, int]) -> str:
    """One chain per interface, one counter per address."""
    by_device: dict[str, list[tuple[int, str]]] = {}
    for number, address in enumerate(addresses):
        by_device.setdefault(route(address)["dev"], []).append((number, address))
    lines = ["table netdev {} {{".format(TABLE)]
    lines += ['counter c{} {{ comment "{}" }}'.format(n, a) for rules in by_device.values() for n, a in rules]
    for number, (device, rules) in enumerate(by_device.items()):
        lines.append('chain out{} {{ type filter hook egress device "{}" priority 0;'.format(number, device))
        lines += ["{} daddr {} udp dport {} counter name c{}".format("ip6" if ":" in a else "ip", a, addresses[a], n) for n, a in rules]
        lines.append("}")
    return "\n".join(lines + ["}", ""])


def counts() -> dict[str, int]:
    """Packets sent, by address."""
    listing = json.loads(run("nft", "-j", "list", "counters", "table", "netdev", TABLE))["nftables"]
    return {c["counter"]["comment"]: c["counter"]["packets"] for c in listing if "counter" in c}


def route(address: str) -> dict[str, str]:
    """The way to an address: dev, and prefsrc, the address of ours that is used; nothing where there is none."""
    asked = subprocess.run(["ip", "-j", "route", "get", address], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found: list[dict[str, str]] = json.loads(asked.stdout or "[]")
    return found[0] if found and "prefsrc" in found[0] else {}


def sipsak(address: str, port: int) -> str:
    """The first line of the answer to OPTIONS; empty where there is none."""
    argv = ["sipsak", "-vv", "-H", route(address)["prefsrc"], "-s", "sip:demo@{}:{}".format(address, port)]
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, errors="replace")
    answer = re.search(r"^SIP/2\.0 \d{3} .*", done.stdout, re.MULTILINE)
    return answer.group().strip() if answer else ""


def svmap(addresses: dict[str, int]) -> list[str]:
    """The addresses that a scan finds. The tool takes many IPv4 addresses with one port, or one of IPv6."""
    plain: dict[int, list[str]] = {}
    for address, port in addresses.items():
        if ":" not in address:
            plain.setdefault(port, []).append(address)
    scans = [[str(port), *some] for port, some in plain.items()] + [[str(port), "-6", a] for a, port in addresses.items() if ":" in a]
    processes = []
    for number, words in enumerate(scans):
        # Each has a source port of its own.
        argv = ["svmap", "-P", str(15060 + number), "-p", *words]
        processes.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True))
    printed = "".join(p.communicate()[0] for p in processes)
    return [a for a in addresses if re.search(r"(?m)^\|\s*{}:{}\s*\|".format(re.escape(a), addresses[a]), printed)]


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


def round_trips(addresses: dict[str, int], number: int, seconds: float) -> dict[str, list[float | None]]:
    """Milliseconds from OPTIONS to its answer, so many for each address in so much time; none where there is no answer, fewer where there are none."""
    found: dict[str, list[float | None]] = {address: [] for address in addresses}
    pause = max(PAUSE, seconds / max(1, number))
    begun = time.monotonic()
    for turn in range(number):
        time.sleep(max(0.0, begun + turn * pause - time.monotonic()))
        for address, port in addresses.items():
            try:
                found[address].append(round_trip(address, port, turn))
            except OSError:
                found[address].append(None)
        if time.monotonic() - begun > max(seconds, LONGEST):
            break
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
    """So many OPTIONS to each address, sent once each; which of them are answered, by whatever status. To one, SIPp would send BYE."""
    once = [*scenario(config, "options"), "-nr", "-default_behaviors", "all,-bye"]
    return sipp(config, once, config["probes"], config["probe_rate"], ANSWERED)


def scenario(config: dict[str, t.Any], name: str) -> list[str]:
    """SIPp's option for one of the scenarios."""
    return ["-sf", "{}/{}.xml".format(config["scenarios"], name)]


def answer(source: str, index: int, script: list[str]) -> subprocess.Popen[bytes]:
    """The called party."""
    media = MEDIA_PORT + 4000 + 500 * index
    return start(["sipp", *script, "-i", source, "-p", str(CALLED_PORT), "-mp", str(media), "-nostdin"])


def sipp(config: dict[str, t.Any], script: list[str], number: int, rate: int, columns: tuple[str, ...] = COMPLETED) -> dict[str, dict[str, int]]:
    """One SIPp to each address, all at once; how many of its calls were made, and how many completed, which these columns tell."""
    with tempfile.TemporaryDirectory() as folder:
        running: dict[str, tuple[subprocess.Popen[bytes], str]] = {}
        for index, (address, port) in enumerate(config["addresses"].items()):
            statistics = os.path.join(folder, "{}.csv".format(index))
            remote = ("[{}]:{}" if ":" in address else "{}:{}").format(address, port)
            argv = ["sipp", "-i", route(address)["prefsrc"], "-p", str(CALLER_PORT + index), "-mp", str(MEDIA_PORT + 10 * index)]
            argv += script + ["-m", str(number), "-r", str(rate), "-timeout", str(60 + number // rate), "-nostdin"]
            running[address] = start(argv + ["-trace_stat", "-stf", statistics, remote]), statistics
        try:
            return {address: outcome(address, *one, columns) for address, one in running.items()}
        finally:
            for process, _statistics in running.values():
                process.kill()


def start(argv: list[str]) -> subprocess.Popen[bytes]:
    """In the background; what it draws on the screen is for nobody."""
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def outcome(address: str, process: subprocess.Popen[bytes], statistics: str, columns: tuple[str, ...]) -> dict[str, int]:
    """How many calls were made, and how many were completed. SIPp ends with 1 where one was not; with 254, where its port is taken."""
    status = process.wait()
    rows: list[dict[str, str]] = []
    with contextlib.suppress(OSError), open(statistics) as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    made = int(rows[-1]["TotalCallCreated"]) if rows else 0
    if not made:
        sys.exit("SIPp sent nothing to {} and ended with status {}: see whether ports {} and up are free here".format(address, status, CALLER_PORT))
    return {"made": made, "completed": sum(int(rows[-1][column]) for column in columns)}


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
    for ending in (signal.SIGHUP, signal.SIGTERM):  # whoever has asked is gone; what was begun is to be ended
        signal.signal(ending, lambda *_: sys.exit(1))
    print(json.dumps(main(json.loads(sys.argv[1]))))
