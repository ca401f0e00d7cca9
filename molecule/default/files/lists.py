# SPDX-License-Identifier: GPL-3.0-or-later
"""What bpftool finds in the tables of the lists, as JSON: of each entry its key, which list it is on, and how long its prefix is."""

import json
import subprocess

TABLES = ("hosts_v4", "hosts_v6", "prefixes_v4", "prefixes_v6")
HEAD = 8
"""Bytes of a value that are not counted on and do not run out."""


def entries(table: str) -> list[str]:
    dumped = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", "/sys/fs/bpf/vos_fastpath/" + table], check=True, capture_output=True)
    return sorted(" ".join(entry["key"] + entry["value"][:HEAD]) for entry in json.loads(dumped.stdout))


if __name__ == "__main__":
    print(json.dumps({table: entries(table) for table in TABLES}))
