# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of itself, by iproute2 and bpftool alone: nothing of the collection is asked. Runs on the host.

python3 probe.py '{"interfaces": ["enp1s0"], "port": 5060, "ports": {}}'     answers with JSON; ports are those of some interfaces alone
"""

from __future__ import annotations

import glob
import json
import os
import platform
import shutil
import subprocess
import sys
import typing as t

PINS = "/sys/fs/bpf/vos_fastpath"
MODES = {1: "native", 2: "generic", 3: "offload"}


def main(config: dict[str, t.Any]) -> dict[str, t.Any]:
    """All of it, and each address with its SIP port."""
    interfaces = {name: interface(name) for name in config["interfaces"]}
    ports = {name: config.get("ports", {}).get(name, config.get("port", 5060)) for name in interfaces}
    os_release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "system": os_release.get("PRETTY_NAME", "Linux").strip('"'),
        "cpu": cpu(),
        "cpu_time": cpu_time(),
        "uptime": uptime(),
        "systemd": systemd(),
        "lists": lists(),
        "interfaces": interfaces,
        "sip": {address: int(ports[name]) for name, found in interfaces.items() for address in found["addresses"]},
    }


def cpu() -> str:
    """AMD, Intel …, as /proc/cpuinfo has it."""
    for line in open("/proc/cpuinfo"):
        if line.startswith("vendor_id"):
            return {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}.get(line.split(":")[1].strip(), line.split(":")[1].strip())
    return ""


def cpu_time() -> dict[str, int]:
    """Clock ticks that all CPUs have spent: on software interrupts, where packets are received, and altogether."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return {"softirq": ticks[6], "all": sum(ticks)}


def uptime() -> float:
    """Seconds since the boot."""
    with open("/proc/uptime") as file:
        return float(file.read().split()[0])


def systemd() -> bool:
    """Whether it is PID 1; in some containers without it there is this folder, too."""
    with open("/proc/1/comm") as file:
        return file.read().strip() in ("systemd", "init") and os.path.isdir("/run/systemd/system")


def lists() -> dict[str, int]:
    """The numbers of the maps that all interfaces share, by their pins; none where nothing is pinned."""
    pins = sorted(path for path in glob.glob(PINS + "/*") if not os.path.isdir(path))
    return {os.path.basename(path): tool("bpftool", "-j", "map", "show", "pinned", path)["id"] for path in pins}


def interface(name: str) -> dict[str, t.Any]:
    """Flags, addresses, statistics, and the program with its counters."""
    link = tool("ip", "-j", "-s", "-d", "link", "show", "dev", name)[0]
    addresses = tool("ip", "-j", "address", "show", "dev", name)[0]["addr_info"]
    received = link["stats64"]["rx"]
    found = {
        "mac": link["address"],
        "driver": driver(name, link),
        "flags": [flag for flag in ("UP", "LOWER_UP") if flag in link["flags"]],
        "addresses": [a["local"] for a in addresses if a.get("scope") == "global"],
        "rx_packets": received["packets"],
        "rx_bytes": received["bytes"],
        "rx_dropped": received["dropped"],
        "xdp": None,
    }
    if "xdp" in link:
        program = link["xdp"]["prog"]["id"]
        found["xdp"] = {"mode": MODES.get(link["xdp"]["mode"], "several"), "program": program, **loaded(program)}
        found["xdp"]["loaded"] = link["xdp"]["prog"].get("load_time", 0)  # nanoseconds since the boot
    return found


def driver(name: str, link: dict[str, t.Any]) -> str:
    """As ethtool names it; it is not on every host, and then the kernel's own words: of a card its driver, else the kind of device."""
    if shutil.which("ethtool"):
        done = subprocess.run(["ethtool", "-i", name], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
        return next((line.split(":", 1)[1].strip() for line in done.stdout.splitlines() if line.startswith("driver:")), "")
    card = os.path.realpath("/sys/class/net/{}/device/driver".format(name))
    return os.path.basename(card) if os.path.isdir(card) else str(link.get("linkinfo", {}).get("info_kind", ""))


def loaded(program: int) -> dict[str, t.Any]:
    """A program's tag, and its map xdp_counters summed over the CPUs; no map where the program has no such one."""
    known = tool("bpftool", "-j", "prog", "show", "id", str(program))
    for number in known.get("map_ids", []):
        if tool("bpftool", "-j", "map", "show", "id", str(number)).get("name") == "xdp_counters":
            slots = tool("bpftool", "-j", "map", "dump", "id", str(number))
            totals = [sum(number_of(cpu["value"]) for cpu in slot["values"]) for slot in slots]
            return {"tag": known["tag"], "map": number, "counters": totals}
    return {"tag": known["tag"]}


def number_of(bytes_in_hex: list[str]) -> int:
    """A u64 as bpftool prints it: one word per byte."""
    return int.from_bytes(bytes(int(byte, 16) for byte in bytes_in_hex), sys.byteorder)


def tool(*argv: str) -> t.Any:
    """A program that answers in JSON."""
    if not shutil.which(argv[0]):
        sys.exit("{}: it is not installed on this host".format(argv[0]))
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        sys.exit("{}: exit {}: {}".format(" ".join(argv), done.returncode, done.stderr.strip() or done.stdout.strip()))
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
