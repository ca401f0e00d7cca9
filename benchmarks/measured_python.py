# SPDX-License-Identifier: GPL-3.0-or-later

"""measured_python.py RECORD PYTHON ARGUMENT…: run Python, and append to the record what it took: when, wall, CPU, peak memory."""

from __future__ import annotations

import json
import os
import sys
import time


def main(record: str, *command: str) -> int:
    """Run it, as Ansible's interpreter."""
    started = time.time()
    child = os.posix_spawnp(command[0], command, os.environ)
    _pid, status, usage = os.wait4(child, 0)
    line = {"started": started, "wall": time.time() - started, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024}
    with open(record, "a", encoding="ascii") as stream:
        stream.write(json.dumps(line) + "\n")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
