# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of itself, by iproute2 and bpftool alone: nothing of the collection is asked. Runs on the host.

python3 probe.py '{"interfaces": ["enp1s0"]}'     answers with JSON
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import typing as t

MODES = {1: "native", 2: "generic", 3: "offload"}


def main(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """All of it."""
    os_release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "system": os_release.get("PRETTY_NAME", "Linux").strip('"'),
        "cpu": cpu(),
        "interfaces": {name: interface(name) for name in config["interfaces"]},
    }


def cpu() -> str:
    """AMD, Intel …, as /proc/cpuinfo has it."""
    for line in open("/proc/cpuinfo"):
        if line.startswith("vendor_id"):
            return {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}.get(line.split(":")[1].strip(), line.split(":")[1].strip())
    return ""


def interface(name: str) -> dict[str, t.Any]:
    """Flags, addresses, statistics, and the program with its counters."""
    link = tool("ip", "-j", "-s", "-d", "link", "show", "dev", name)[0]
    addresses = tool("ip", "-j", "address", "show", "dev", name)[0]["addr_info"]
    received = link["stats64"]["rx"]
    found = {
        "flags": [flag for flag in ("UP", "LOWER_UP") if flag in link["flags"]],
        "addresses": [a["local"] for a in addresses if a.get("scope") == "global"],
        "rx_packets": received["packets"],
        "rx_bytes": received["bytes"],
        "rx_dropped": received["dropped"],
        "xdp": None,
    }
    if "xdp" in link:
        program = link["xdp"]["prog"]["id"]
        found["xdp"] = {"mode": MODES.get(link["xdp"]["mode"], "several"), "program": program, **counters(program)}
    return found


def counters(program: int) -> dict[str, t.Any]:
    """The map xdp_counters of a program, summed over the CPUs; nothing where the program has no such map."""
    for number in tool("bpftool", "-j", "prog", "show", "id", str(program)).get("map_ids", []):
        if tool("bpftool", "-j", "map", "show", "id", str(number)).get("name") == "xdp_counters":
            slots = tool("bpftool", "-j", "map", "dump", "id", str(number))
            return {"map": number, "counters": [sum(number_of(cpu["value"]) for cpu in slot["values"]) for slot in slots]}
    return {}


def number_of(bytes_in_hex: list[str]) -> int:
    """A u64 as bpftool prints it: one word per byte."""
    return int.from_bytes(bytes(int(byte, 16) for byte in bytes_in_hex), sys.byteorder)


def tool(*argv: str) -> t.Any:
    """A program that answers in JSON."""
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        sys.exit("{}: exit {}: {}".format(" ".join(argv), done.returncode, done.stderr.strip() or done.stdout.strip()))
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
