# SPDX-License-Identifier: GPL-3.0-or-later

"""Check on a box whether AF_XDP works: take what the filter redirects on one queue, and say what it was.

    sudo python3 tools/xsk_receive.py enp1s0 --queue 0 --seconds 5

What arrives here does not reach the SIP server meanwhile. Afterwards, and also if this is killed, everything does again.
Needs Python 3.9 and nothing else.
"""

from __future__ import annotations

import argparse
import signal
import sys
import types
import typing as t
from pathlib import Path


def _find_collection(root: Path) -> None:
    """Make a checkout importable by the collection's name, wherever it lies."""
    for name, places in (("ansible_collections", []), ("ansible_collections.vos", []), ("ansible_collections.vos.fastpath", [str(root)])):
        package = types.ModuleType(name)
        package.__path__ = places
        sys.modules[name] = package


_find_collection(Path(__file__).resolve().parents[1])

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import receive_queues
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._xsk import (
    Receiver,
    open_receiver,
    start_line,
)


def main(argv: t.Optional[t.Sequence[str]] = None) -> int:
    """Do what the module says."""
    options = _arguments(argv)
    try:
        with open_receiver(Kernel(), options.interface, options.queue) as receiver:
            _receive(receiver, options)
    except FastpathError as error:
        print(f"xsk_receive: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments(argv: t.Optional[t.Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interface", help="an interface that carries the filter")
    parser.add_argument("--queue", type=int, default=0, metavar="N", help="its receive queue (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="how long (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=5, metavar="N", help="start lines to show (default: %(default)s)")
    return parser.parse_args(argv)


def _receive(receiver: Receiver, options: argparse.Namespace) -> None:
    name, program, seen = options.interface, receiver.program, _Seen(options.lines)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: receiver.stop())
    _say(f"{name}, queue {options.queue}: an AF_XDP socket takes what the filter (program {program.prog_id}, {program.mode}) redirects.")
    _say(f"WARNING: for {options.seconds:g} seconds these requests do not reach the SIP server.")
    for frame in receiver.frames(options.seconds):
        seen.note(frame)
    for frame in receiver.leave():
        seen.note(frame)
    found = f"received {seen.packets} packets, {seen.size} bytes"
    _say(f"{found}; lost in the socket: {receiver.lost()}; the counter 'redirected' grew by {receiver.counted()}")
    queues = receive_queues(name)
    if not seen.packets and queues > 1:
        _say(f"{name} has {queues} receive queues, and the NIC chooses: try the others, or ask 'ethtool -S {name}'.")


class _Seen:
    """What arrived; the first lines of it are printed."""

    def __init__(self, lines: int) -> None:
        self.packets = 0
        self.size = 0
        self._lines = lines

    def note(self, frame: bytes) -> None:
        """Count a frame."""
        self.packets += 1
        self.size += len(frame)
        if self.packets <= self._lines:
            _say("  " + start_line(frame))


def _say(text: str) -> None:
    print(text, flush=True)  # somebody may read along, in a pipe


if __name__ == "__main__":
    sys.exit(main())
