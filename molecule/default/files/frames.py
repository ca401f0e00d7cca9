# SPDX-License-Identifier: GPL-3.0-or-later
"""Put OPTIONS on cables, tagged and not, without any tool: frames.py COUNT INTERFACE…"""

import socket
import struct
import sys

PAYLOAD = b"OPTIONS sip:100@192.0.2.1 SIP/2.0\r\n\r\n"
TAG = struct.pack("!HH", 0x8100, 7)


def main(count: str, *interfaces: str) -> None:
    udp = struct.pack("!HHHH", 5070, 5060, 8 + len(PAYLOAD), 0) + PAYLOAD
    packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes([192, 0, 2, 9]), bytes([192, 0, 2, 1])) + udp
    for interface in interfaces:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as cable:
            cable.bind((interface, 0))
            for tag in (b"", TAG):
                for _each in range(int(count)):
                    cable.send(b"\xff" * 6 + b"\x02" + bytes(5) + tag + b"\x08\x00" + packet)


if __name__ == "__main__":
    main(*sys.argv[1:])
