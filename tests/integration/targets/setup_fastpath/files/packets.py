# SPDX-License-Identifier: GPL-3.0-or-later

"""packets.py SOURCE=METHOD[*COUNT][:PORT]…: send SIP requests from the peer's end of the wire, and say which ones reached a server here.

The answer is JSON: how many arrived, by what was asked for, and how many bytes each frame had.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import socket
import sys

PEER = "/run/netns/vosft-peer"
CLONE_NEWNET = 0x40000000
SERVERS = {socket.AF_INET: "198.18.0.1", socket.AF_INET6: "2001:db8::1"}
HEADERS = {socket.AF_INET: 14 + 20 + 8, socket.AF_INET6: 14 + 40 + 8}
ORDER = re.compile(r"(?P<source>[^=]+)=(?P<method>[^*:]+)(\*(?P<count>\d+))?(:(?P<port>\d+))?")
PATIENCE = 0.2
"""Seconds without a packet after which no more is expected: on a veth they are there at once."""


def request(method: str, tag: str) -> bytes:
    """A request as a scanner or a phone sends it; the tag finds its sender again."""
    lines = (
        f"{method} sip:100@198.18.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 198.18.0.2:5060;branch=z9hG4bK{tag}",
        "Max-Forwards: 70",
        "To: <sip:100@198.18.0.1>",
        f"From: <sip:200@198.18.0.2>;tag={tag}",
        f"Call-ID: {tag}",
        f"CSeq: 1 {method}",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def servers(ports: set[int]) -> list[socket.socket]:
    """A server on each port, of both families."""
    found = []
    for family, address in SERVERS.items():
        for port in ports:
            server = socket.socket(family, socket.SOCK_DGRAM)
            server.bind((address, port))
            server.settimeout(PATIENCE)
            found.append(server)
    return found


def enter_peer() -> None:
    """From here on, sockets are made at the other end of the wire; those that exist stay where they are."""
    descriptor = os.open(PEER, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), PEER)
    os.close(descriptor)


def arrivals(listening: list[socket.socket]) -> list[bytes]:
    """What the servers got."""
    found = []
    for server in listening:
        try:
            while True:
                found.append(server.recv(65535))
        except TimeoutError:
            continue
    return found


def main(orders: list[str]) -> None:
    """Send, wait, tell."""
    asked = {order: ORDER.fullmatch(order) for order in orders}
    listening = servers({int(found["port"] or 5060) for found in asked.values()})
    enter_peer()
    sent = {}
    for number, (order, found) in enumerate(asked.items()):
        family = socket.AF_INET6 if ":" in found["source"] else socket.AF_INET
        payload = request(found["method"], f"order{number}")
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.bind((found["source"], 0))
            for _each in range(int(found["count"] or 1)):
                client.sendto(payload, (SERVERS[family], int(found["port"] or 5060)))
        sent[order] = {"payload": payload, "frame": HEADERS[family] + len(payload)}
    got = arrivals(listening)
    print(json.dumps({order: {"arrived": got.count(each["payload"]), "frame": each["frame"]} for order, each in sent.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
