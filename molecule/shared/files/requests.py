# SPDX-License-Identifier: GPL-3.0-or-later
"""Send SIP requests by scapy, tagged where a VLAN is given: requests.py METHOD VLAN COUNT '{"ADDRESS": "MAC"}'"""

import json
import sys

from scapy.config import conf
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.sendrecv import sendp


def main(method: str, vlan: str, count: str, targets: str) -> None:
    for address, mac in json.loads(targets).items():
        device, source = (conf.route6 if ":" in address else conf.route).route(address)[:2]
        frame = Ether(dst=mac) / Dot1Q(vlan=int(vlan)) if int(vlan) else Ether(dst=mac)
        frame /= (IPv6 if ":" in address else IP)(src=source, dst=address) / UDP(sport=5070, dport=5060)
        sendp(frame / request(method, source, address), iface=device, count=int(count), inter=0.01, verbose=False)


def request(method: str, source: str, address: str) -> bytes:
    """Whole, so that a server that gets it could answer."""
    here, there = ("[%s]" % a if ":" in a else a for a in (source, address))
    lines = [
        "%s sip:100@%s SIP/2.0" % (method, there),
        "Via: SIP/2.0/UDP %s:5070;branch=z9hG4bKscapy" % here,
        "From: <sip:100@%s>;tag=scapy" % here,
        "To: <sip:100@%s>" % there,
        "Call-ID: scapy@%s" % here,
        "CSeq: 1 %s" % method,
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    return "".join(line + "\r\n" for line in [*lines, ""]).encode()


if __name__ == "__main__":
    main(*sys.argv[1:])
