# SPDX-License-Identifier: GPL-3.0-or-later
"""End what tasks/sending.yml began, and say what SIPp counted, as JSON: sipp_end.py SENDING '["ADDRESS"]'."""

import csv
import json
import subprocess
import sys


def main(sending: str, addresses: str) -> None:
    for number in range(len(json.loads(addresses))):  # one that has ended by itself did not send until now
        subprocess.run(["systemctl", "is-active", "lab-%s-%d" % (sending, number)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["systemctl", "stop", "lab-%s-*" % sending], check=True)  # all at once: each waits for its last answers
    found = {}
    for number, address in enumerate(json.loads(addresses)):
        with open("/run/lab-%s-%d.csv" % (sending, number)) as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        found[address] = {"begun": int(last["OutgoingCall(C)"]), "completed": int(last["SuccessfulCall(C)"]), "failed": int(last["FailedCall(C)"])}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
