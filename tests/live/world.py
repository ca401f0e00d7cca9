# SPDX-License-Identifier: GPL-3.0-or-later

"""A box with the filter on one interface, and the world outside at the other end of its cable.

The box is the network namespace of this process, the outside one that only a file descriptor holds: they are gone with
the process, however it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from ansible_collections.vos.fastpath.plugins.module_utils._abi import COUNTERS, REASON_SLOTS, REASONS
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.live import packets

NEWNET = 0x40000000
ETH_P_ALL = 3
SOL_PACKET, PACKET_QDISC_BYPASS, PACKET_IGNORE_OUTGOING = 263, 20, 23
SO_RCVBUFFORCE = 33
WINDOW = 100
"""So many frames are on their way at most: a veth takes 256 before it drops."""
PATIENCE = 20.0

_NEWNS = 0x00020000
_MOUNTS = (
    ("mount", "--make-rprivate", "/"),
    ("mount", "-t", "sysfs", "sysfs", "/sys"),  # shows the interfaces of the namespace that it was mounted in
    ("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"),
    ("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"),
    ("ip", "link", "set", "lo", "up"),
)
_libc = ctypes.CDLL(None, use_errno=True)


def leave_the_machine() -> None:
    """Take this process where no interface, pin or mount of the machine is in sight."""
    if _libc.unshare(_NEWNS | NEWNET):
        raise OSError(ctypes.get_errno(), "unshare(2) failed")
    for command in _MOUNTS:
        subprocess.run(command, check=True)
    for kind in ("all", "default"):
        sysctl(f"net/ipv4/conf/{kind}/rp_filter", "0")  # sources are from everywhere


def ip(*words: str) -> None:
    """Call ip(8)."""
    subprocess.run(("ip", *words), check=True)


def sysctl(name: str, value: str) -> None:
    """Set a kernel parameter of the box."""
    with open("/proc/sys/" + name, "w", encoding="ascii") as stream:
        stream.write(value)


class Outside:
    """Another network namespace, without a name."""

    def __init__(self) -> None:
        self._box = os.open("/proc/self/ns/net", os.O_RDONLY)
        if _libc.unshare(NEWNET):
            raise OSError(ctypes.get_errno(), "unshare(2) failed")
        self._fd = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._enter(self._box)
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"

    def close(self) -> None:
        """Let it go, with all interfaces in it."""
        os.close(self._fd)
        os.close(self._box)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets made and programs started here are of the outside."""
        self._enter(self._fd)
        try:
            yield
        finally:
            self._enter(self._box)

    @staticmethod
    def _enter(fd: int) -> None:
        if _libc.setns(fd, NEWNET):
            raise OSError(ctypes.get_errno(), "setns(2) failed")


class Box:
    """An interface of this namespace, the filter on it, and the far end of its cable."""

    def __init__(self, name: str, wire: socket.socket, object_path: str) -> None:
        self.name = name
        self.kernel = AttachingKernel()
        self._wire = wire
        self._object = object_path
        self._maps: Mapping[str, int] = {}
        self.ifindex = self.kernel.interface(name).ifindex

    def protect(self, mode: str, settings: Settings = Settings(), config: Config = Config()) -> None:
        """Put the filter on, or change it."""
        wanted = Wanted(self._object, mode, config, settings, allow_empty_allowlist=True)
        (outcome,) = attach(self.kernel, [self.name], wanted, check=False)
        assert outcome.after["mode"] == mode
        program = self.kernel.attached(self.ifindex)
        assert program is not None
        self._maps = program.maps

    def expose(self) -> None:
        """Take the filter off."""
        detach(self.kernel, [self.name], force=False, keep_lists=True, check=False)

    def counts(self) -> Counter[str]:
        """Packets by reason, since the filter was attached."""
        raw = self._values("xdp_stats", 0, 4 * REASON_SLOTS * 8 + 16 * 8)
        names = [reason.name for reason in REASONS]
        per_cpu = [struct.unpack_from(f"={2 * len(names)}Q", value)[::2] for value in raw]
        return +Counter({name: sum(column) for name, column in zip(names, zip(*per_cpu))})

    def counters(self) -> dict[str, int]:
        """The five of xdp_counters."""
        keys = [key for key, _words in COUNTERS]
        return {key: sum(struct.unpack("=Q", value)[0] for value in self._values("xdp_counters", i, 8)) for i, key in enumerate(keys)}

    def send(self, frame: bytes) -> None:
        """Put one frame on the wire, and care no more."""
        self._wire.send(frame)

    def send_counted(self, frames: Iterable[bytes], during: Callable[[], object] = lambda: None) -> Counter[str]:
        """Send frames to a SIP port, never more than the interface can queue; returns how they were counted."""
        before, remaining = self.counts(), iter(frames)
        sent = before.total()
        while window := list(islice(remaining, WINDOW)):
            for frame in window:
                self._wire.send(frame)
            sent += len(window)
            during()
            self._await(sent)
        return self.counts() - before

    def answers(self) -> list[bytes]:
        """The UDP datagrams that came back from the SIP port, IP header and all."""
        found: list[bytes] = []
        while True:
            try:
                frame = self._wire.recv(65535)
            except BlockingIOError:
                return found
            if is_answer(frame):
                found.append(frame[14:])

    def _await(self, total: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while (now := self.counts().total()) < total:
            assert time.monotonic() < deadline, f"{total} frames were sent, and {now} were counted: {self.counts()}"
        assert now == total

    def _values(self, name: str, index: int, size: int) -> list[bytes]:
        with self.kernel.map_by_id(self._maps[name]) as opened:
            raw = opened.lookup(struct.pack("=I", index))
        assert raw is not None
        return [raw[start: start + size] for start in range(0, len(raw), size)]


def is_answer(frame: bytes) -> bool:
    """Whether a frame is UDP from the SIP port; a fragment counts too."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == packets.IPV4:
        return frame[23] == packets.UDP and frame[14 + 4 * (frame[14] & 15):][:2] == struct.pack("!H", packets.SIP)
    return kind == packets.IPV6 and frame[20] in (packets.UDP, packets.FRAGMENT)


def far_end(outside: Outside, name: str) -> socket.socket:
    """A socket that sends and receives frames on an interface of the outside."""
    with outside.inside():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    wire.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)  # and the queue is the one of the CPU
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
    wire.setblocking(False)
    wire.bind((name, 0))
    return wire


def settle_down(name: str, addresses: Sequence[str], gateways: Sequence[str] = ("192.0.2.254", "2001:db8::fe")) -> None:
    """Give an interface its addresses, and a way to everybody over the far end, without asking anybody."""
    ip("link", "set", name, "up")
    for address in addresses:
        ip("address", "add", address, "dev", name, *(("nodad",) if ":" in address else ()))
    for gateway in gateways:
        far = ":".join(f"{byte:02x}" for byte in packets.FAR_MAC)
        ip("neighbour", "add", gateway, "lladdr", far, "dev", name, "nud", "permanent")
        ip("-6" if ":" in gateway else "-4", "route", "add", "default", "via", gateway, "dev", name)
