# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks/sending.yml began: wait until each SIPp has sent more than by now, and end them.

sipp.py more SENDING '["ADDRESS"]'
sipp.py end SENDING '["ADDRESS"]'      does that first, and says what SIPp counted, as JSON
"""

import csv
import json
import os
import subprocess
import sys
import time

STATISTICS = "/run/%s.csv"
"""By unit, as tasks/sending.yml has it."""

PATIENCE = 60.0
"""Seconds in which a SIPp sends something, on a machine that is busy."""


def main(what: str, sending: str, addresses: str) -> None:
    units = {"lab-%s-%d" % (sending, number): address for number, address in enumerate(json.loads(addresses))}
    more(units)
    if what == "end":
        subprocess.run(["systemctl", "stop", *units], check=True)  # all at once: each waits for its last answers
        print(json.dumps({address: counted(unit) for unit, address in units.items()}))
        for unit in units:
            os.unlink(STATISTICS % unit)  # the next one of this name begins at 0


def more(units: dict[str, str]) -> None:
    """So that something was sent before what is to be tried, and something after it."""
    before, deadline = {unit: counted(unit)["begun"] for unit in units}, time.monotonic() + PATIENCE
    while idle := [unit for unit in units if counted(unit)["begun"] <= before[unit]]:
        for unit in idle:
            if subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode:
                sys.exit("%s, which was to send to %s, has ended: see journalctl -u %s" % (unit, units[unit], unit))
        if time.monotonic() > deadline:
            sys.exit("%s sent nothing to %s in %.0f s" % (idle[0], units[idle[0]], PATIENCE))
        time.sleep(0.2)


def counted(unit: str) -> dict[str, int]:
    """By a SIPp until now: it writes a line each second, and the last one when it ends."""
    try:
        with open(STATISTICS % unit) as file:
            whole = [row for row in csv.DictReader(file, delimiter=";") if None not in row.values()]
    except FileNotFoundError:
        whole = []
    columns = {"begun": "OutgoingCall(C)", "completed": "SuccessfulCall(C)", "failed": "FailedCall(C)"}
    return {name: int(whole[-1][column]) if whole else 0 for name, column in columns.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
