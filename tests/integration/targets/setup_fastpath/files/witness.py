# SPDX-License-Identifier: GPL-3.0-or-later

"""witness.py [INTERFACE]: say what is attached, pinned and listed on this host, by the word of ip and bpftool alone.

The answer is JSON, equal where all is equal. With the name of an interface it is what its filter has counted, the slots of
xdp_counters in their order.
"""

from __future__ import annotations

import ipaddress
import json
import os
import struct
import subprocess
import sys
from typing import Any

MODES = {1: "native", 2: "generic", 3: "offload", 4: "multiple"}
PINS = "/sys/fs/bpf/vos_fastpath"
TABLES = ("hosts_v4", "hosts_v6", "prefixes_v4", "prefixes_v6")
GATE = (*TABLES, "allow", "block")


def ask(*command: str) -> Any:
    """What a command answers, as JSON."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path})
    return json.loads(done.stdout or "null")


def links() -> dict[str, Any]:
    """Each interface and the program on it."""
    return {link["ifname"]: program(link.get("xdp")) for link in ask("ip", "-details", "-json", "link", "show")}


def program(xdp: dict[str, Any] | None) -> dict[str, Any] | None:
    """The program that a link carries."""
    if not xdp:
        return None
    attached = xdp.get("prog") or xdp["attached"][0]["prog"]
    shown = ask("bpftool", "-j", "prog", "show", "id", str(attached["id"]))
    maps = {ask("bpftool", "-j", "map", "show", "id", str(number))["name"]: number for number in shown.get("map_ids", [])}
    return {"mode": MODES[xdp["mode"]], "id": shown["id"], "name": shown["name"], "tag": shown["tag"], "maps": maps}


def pins() -> dict[str, int]:
    """The id of each pinned map, by its path below our folder."""
    paths = sorted(os.path.join(folder, name) for folder, _folders, names in os.walk(PINS) for name in names)
    maps = [path for path in paths if not os.path.islink(path)]  # a link only says for which device the maps are
    return {os.path.relpath(path, PINS): ask("bpftool", "-j", "map", "show", "pinned", path)["id"] for path in maps}


def values(path: str) -> list[tuple[bytes, bytes]]:
    """What is in a pinned map."""
    entries = ask("bpftool", "-j", "map", "dump", "pinned", os.path.join(PINS, path))
    return [(octets(entry["key"]), octets(entry["value"])) for entry in entries]


def octets(words: list[str]) -> bytes:
    """Bytes as bpftool writes them."""
    return bytes(int(word, 16) for word in words)


def lists(pinned: dict[str, int]) -> dict[str, list[str]]:
    """Both lists, read from the tables."""
    found: dict[str, list[str]] = {"allow": [], "block": []}
    for table in sorted(set(TABLES) & pinned.keys()):
        for key, value in values(table):
            length = struct.unpack("=I", key[:4])[0] if table.startswith("prefixes") else 8 * len(key)
            packed = key[4:] if table.startswith("prefixes") else key
            source = str(ipaddress.ip_network((packed, length)))
            for bit, name in ((1, "allow"), (2, "block")):
                if value[0] & bit:
                    found[name].append(source)
    return {name: sorted(sources) for name, sources in found.items()}


def counters(name: str) -> list[int]:
    """The slots of xdp_counters on an interface, over all CPUs."""
    number = links()[name]["maps"]["xdp_counters"]
    slots = ask("bpftool", "-j", "map", "dump", "id", str(number))
    return [sum(struct.unpack("=Q", octets(each["value"]))[0] for each in slot["values"]) for slot in slots]


def everything() -> dict[str, Any]:
    """What is attached, pinned and listed."""
    pinned = pins()
    gate = struct.unpack("=6I", values("list_gate")[0][1]) if "list_gate" in pinned else ()
    return {
        "links": links(),
        "pins": pinned,
        "lists": lists(pinned),
        "gate": dict(zip(GATE, gate)),
        "settings": {path: values(path)[0][1].hex() for path in pinned if path.endswith("/xdp_settings")},
    }


def main(names: list[str]) -> None:
    """Say it."""
    print(json.dumps(counters(names[0]) if names else everything(), sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1:])
