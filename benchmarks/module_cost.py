# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules cost beside Ansible's own floor: each task has a `ping` before it, on the same host, by the same connection.

Writes module_cost.md, .json and .svg into the results folder. Needs root, clang and bpftool, and goes into namespaces of its own. The
connection is local, with pipelining; what is over the floor does not depend on it, but for the way of a list to the host.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
PRIVATE = ROOT / "script" / "lib" / "workshop" / "private.sh"
FLOOR = "ping"
NIC = "sip0"
SIZES = {10_000: (0.1, 5), 100_000: (0.5, 3), 1_000_000: (4.0, 2)}
"""Entries: the target in seconds to converge, and how often it is done."""
TARGETS = {"xdp_stats": 0.05, "nothing to do, 100,000 entries": 0.3, **{f"converge {size:,} entries": target for size, (target, _runs) in SIZES.items()}}
MEMORY_TARGET = ("converge 1,000,000 entries", 400)

Task = dict[str, Any]


@dataclass
class Cost:
    """What a task took, in seconds: over a ping in all, and of that on the host; and the floor itself."""

    name: str
    times: int
    over: float
    over_median: float
    host_wall: float
    host_cpu: float
    memory: float
    """Peak of the module's process, MB."""
    floor: float
    target: float | None


def task(name: str, module: str, **arguments: Any) -> list[Task]:
    """A task, and the floor before it."""
    return [{"name": FLOOR, "ansible.builtin.ping": {}}, {"name": name, f"vos.fastpath.{module}": arguments}]


def small(rounds: int, filter_object: str) -> list[Task]:
    """What does not depend on the size of anything."""
    attach = {"interfaces": [NIC], "object": filter_object, "allow_empty_allowlist": True}
    tasks = [{"name": "-", "vos.fastpath.xdp_attach": attach}]
    for number in range(rounds):
        tasks += task("xdp_stats", "xdp_stats")
        tasks += task("xdp_stats with a query", "xdp_stats", query="counters")
        tasks += task("xdp_stats, reset", "xdp_stats", reset=True)
        tasks += task("xdp_info", "xdp_info")
        tasks += task("xdp_attach, nothing to do", "xdp_attach", **attach, ports=[5060, 5080 + (number - 1) % 2] if number else [5060])
        tasks += task("xdp_attach, other settings", "xdp_attach", **attach, ports=[5060, 5080 + (number - 1) % 2] if number else [5060], audit=not number % 2)
        tasks += task("xdp_attach, upgrade in place", "xdp_attach", **attach, ports=[5060, 5080 + number % 2], audit=not number % 2)
    return tasks


def lists(folder: Path, size: int, rounds: int) -> list[Task]:
    """A list from nothing, again, with other times, and gone."""
    feed = folder / f"{size}.txt"
    feed.write_text("".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(size)), encoding="ascii")
    tasks = []
    for _round in range(rounds):
        tasks += task(f"converge {size:,} entries", "xdp_blocklist", src=str(feed), state="exact")
        tasks += task(f"nothing to do, {size:,} entries", "xdp_blocklist", src=str(feed), state="exact")
        tasks += task(f"give {size:,} entries a time", "xdp_blocklist", src=str(feed), state="exact", expires=86400)
        tasks += task(f"nothing to do, {size:,} entries with a time", "xdp_blocklist", src=str(feed), state="exact", expires=86400)
        tasks += task(f"renew {size:,} entries", "xdp_blocklist", src=str(feed), state="exact", expires=172800)
        tasks += task(f"xdp_stats beside {size:,} entries", "xdp_stats")
        tasks += task(f"remove {size:,} entries", "xdp_blocklist", entries=[], state="exact")
    return tasks


def crowded(filter_object: str, rounds: int) -> list[Task]:
    """Statistics of a host under attack: top_sources is full on every CPU."""
    fill = {"name": "-", "ansible.builtin.command": {"argv": [sys.executable, str(HERE / "module_cost.py"), "--fill"]}}
    return [fill, *(each for _round in range(rounds) for each in task("xdp_stats, all slots of top sources taken", "xdp_stats"))]


def fill_top_sources() -> None:
    """Have a source in every slot of the filter's map, on every CPU."""
    sys.path.insert(0, os.environ["ANSIBLE_COLLECTIONS_PATH"])
    from ansible_collections.vos.fastpath.plugins.module_utils._abi import TOP_SOURCE, TOP_SOURCES_MAX
    from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
    from ansible_collections.vos.fastpath.plugins.module_utils._maps import possible_cpus

    kernel = Kernel()
    program = kernel.attached(kernel.interface(NIC).ifindex)
    assert program is not None
    with kernel.map_by_id(program.maps["top_sources"]) as top:
        for slot in range(TOP_SOURCES_MAX):
            sources = (bytes(10) + b"\xff\xff\x0a" + bytes([cpu, slot >> 8, slot & 255]) for cpu in possible_cpus())
            top.update(slot.to_bytes(4, sys.byteorder), b"".join(TOP_SOURCE.pack(source, slot + 1, 1 << 33, 16, 0) for source in sources))


def play(folder: Path, tree: Path, tasks: list[Task]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Run the tasks on this host. Returns when each ran, and what each Python process took."""
    times, processes = folder / "times", folder / "processes"
    interpreter = folder / "python"
    words = map(shlex.quote, (sys.executable, "-IS", str(HERE / "measured_python.py"), str(processes), sys.executable))
    interpreter.write_text("#!/bin/sh\nexec %s \"$@\"\n" % " ".join(words), encoding="ascii")
    interpreter.chmod(0o755)
    playbook = folder / "play.json"
    host = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": {"ansible_python_interpreter": str(interpreter)}}
    playbook.write_text(json.dumps([{**host, "tasks": tasks}]), encoding="utf-8")
    surroundings = {
        "ANSIBLE_COLLECTIONS_PATH": str(tree),
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "task_times",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_HOME": str(folder),
        "TASK_TIMES": str(times),
    }
    command = (sys.executable, "-m", "ansible", "playbook", str(playbook))
    subprocess.run(command, cwd=folder, env={**os.environ, **surroundings}, stdout=sys.stderr.fileno(), check=True)
    found, used = ([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in (times, processes))
    times.unlink()
    processes.unlink()
    return found, used


def costs(found: list[dict[str, Any]], used: list[dict[str, Any]]) -> list[Cost]:
    """Put each kind of task beside the floor of its neighbours."""
    by_name: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {}
    for floor, ours in zip(found, found[1:], strict=False):
        if floor["name"] == FLOOR and ours["name"] != FLOOR:
            by_name.setdefault(ours["name"], []).append((measured(floor, used), measured(ours, used)))
    return [cost(name, pairs) for name, pairs in by_name.items()]


def measured(one: dict[str, Any], used: list[dict[str, Any]]) -> dict[str, float]:
    """A task and the processes that ran meanwhile."""
    own = [process for process in used if one["began"] <= process["started"] <= one["ended"]]
    sums = {key: sum(process[key] for process in own) for key in ("wall", "cpu")}
    return {"all": one["ended"] - one["began"], **sums, "memory": max(process["memory"] for process in own)}


def cost(name: str, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> Cost:
    """The least of ours beside the least of the floor: what the machine does besides only ever makes it more."""
    least = [{key: min(each[key] for each in column) for key in column[0]} for column in zip(*pairs, strict=True)]
    over, wall, cpu = (least[1][key] - least[0][key] for key in ("all", "wall", "cpu"))
    median = statistics.median(ours["all"] - floor["all"] for floor, ours in pairs)
    return Cost(name, len(pairs), over, median, wall, cpu, least[1]["memory"] / 1e6, least[0]["all"], TARGETS.get(name))


def markdown(found: list[Cost], memory: str) -> str:
    machine = f"Kernel {platform.release()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    lines = [
        "# What the modules cost",
        "",
        "Seconds over Ansible's own floor, which is `ping` on the same host right before: the least of ours beside the least of the floor;",
        "the median of the differences has what the machine did besides in it. On the host: the module's process alone.",
        f"{machine}; in the last quarter of an hour {os.getloadavg()[2]:.1f} processes wanted a CPU. Made by `benchmarks/module_cost.py`.",
        "",
        "| task | times | over ping | target | median | on the host | CPU there | peak memory | ping itself |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for c in found:
        target = f"{c.target:g}" if c.target else ""
        numbers = f"{c.over:.3f} | {target} | {c.over_median:.3f} | {c.host_wall:.3f} | {c.host_cpu:.3f} | {c.memory:.0f} MB | {c.floor:.3f}"
        lines.append(f"| {c.name} | {c.times} | {numbers} |")
    return "\n".join([*lines, "", memory]) + "\n"


def svg(found: list[Cost]) -> str:
    """A bar for each task, on a logarithmic scale from a millisecond; a mark where its target is."""
    left, step, decade, most = 330, 22, 130, 4

    def place(seconds: float) -> float:
        return left + decade * min(max(0.0, decades(seconds)), most)

    width, height = left + decade * most + 90, step * len(found) + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text x="10" y="18" font-weight="bold">seconds over a ping (each line a factor of ten); the mark is the target</text>',
    ]
    for power in range(most + 1):
        x = left + decade * power
        parts.append(f'<line x1="{x}" x2="{x}" y1="30" y2="{height - 24}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{height - 10}" text-anchor="middle">{10 ** (power - 3):g}</text>')
    for number, each in enumerate(found):
        y = 30 + step * number
        colour = "#3b7d4f" if each.target is None or each.over <= each.target else "#b5651d"
        parts.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{each.name}</text>')
        parts.append(f'<rect x="{left}" y="{y + 2}" width="{place(each.over) - left:.0f}" height="14" fill="{colour}"/>')
        parts.append(f'<text x="{place(each.over) + 5:.0f}" y="{y + 13}">{each.over:.3f}</text>')
        if each.target:
            x = round(place(each.target))
            parts.append(f'<line x1="{x}" x2="{x}" y1="{y}" y2="{y + 18}" stroke="#222" stroke-width="2"/>')
    return "\n".join((*parts, "</svg>")) + "\n"


def decades(seconds: float) -> float:
    """Decades above a millisecond."""
    return math.log10(max(seconds, 1e-3)) + 3


def build(folder: Path) -> str:
    """The filter, compiled."""
    target = folder / "sip_logic.bpf.o"
    include = f"-I/usr/include/{platform.machine()}-linux-gnu"
    command = ("clang", "-target", "bpf", "-O2", "-mcpu=v3", "-g", "-DSIP_UAPI_HEADERS", include, "-c", "sip_logic.bpf.c", "-o", str(target))
    subprocess.run(command, cwd=ROOT / "files", check=True)
    return str(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--rounds", type=int, default=15, help="of what is quick")
    parser.add_argument("--most", type=int, default=max(SIZES), help="entries")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fill", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fill:
        fill_top_sources()
        return
    if not arguments.here:
        os.execv(PRIVATE, [str(PRIVATE), sys.executable, __file__, "--here", *sys.argv[1:]])
    with tempfile.TemporaryDirectory(prefix="vos-fastpath-cost-") as name:
        folder = Path(name)
        tree = folder / "tree"
        (tree / "ansible_collections" / "vos").mkdir(parents=True)
        (tree / "ansible_collections" / "vos" / "fastpath").symlink_to(ROOT, target_is_directory=True)
        subprocess.run(("ip", "link", "add", NIC, "type", "veth", "peer", "name", "far0"), check=True)
        filter_object = build(folder)
        found = costs(*play(folder, tree, small(arguments.rounds, filter_object) + crowded(filter_object, arguments.rounds)))
        for size, (_target, rounds) in SIZES.items():
            if size <= arguments.most:
                found += costs(*play(folder, tree, lists(folder, size, rounds)))
    write(arguments.results, found)


def write(folder: Path, found: list[Cost]) -> None:
    """The results in their three forms."""
    folder.mkdir(parents=True, exist_ok=True)
    memory = "".join(f"{c.name}: {c.memory:.0f} MB at the most, the target is {MEMORY_TARGET[1]} MB." for c in found if c.name == MEMORY_TARGET[0])
    about = {"kernel": platform.release(), "cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[2]}
    (folder / "module_cost.json").write_text(json.dumps({**about, "costs": [asdict(c) for c in found]}, indent=2) + "\n", encoding="utf-8")
    (folder / "module_cost.md").write_text(markdown(found, memory), encoding="utf-8")
    (folder / "module_cost.svg").write_text(svg(found), encoding="utf-8")


if __name__ == "__main__":
    main()
