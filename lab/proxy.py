# SPDX-License-Identifier: GPL-3.0-or-later
"""For ssh's ProxyCommand with ProxyUseFdpass: connect from inside the fleet's network, hand the connection over, end.

Run as ``nsenter --net=/proc/PID/ns/net python3 proxy.py ADDRESS PORT``; standard output is the socket to ssh.
"""

import array
import socket
import sys


def main(address: str, port: str) -> int:
    """Connect and pass the file descriptor."""
    try:
        connection = socket.create_connection((address, int(port)), timeout=10)
    except OSError as error:
        print(f"lab: {address} port {port}: {error}", file=sys.stderr)
        return 1
    connection.settimeout(None)
    with connection, socket.socket(fileno=1) as ssh:
        descriptor = array.array("i", [connection.fileno()])
        ssh.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
