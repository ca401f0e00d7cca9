# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An AF_XDP socket that takes what the filter redirects to it, in copy mode, which every driver can.

Layouts and numbers are those of linux/if_xdp.h. The packets lie in memory shared with the kernel (UMEM), in chunks. The
fill ring gives chunks to the kernel, the receive ring brings them back with a packet in each.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import select
import socket
import struct
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import COUNTERS
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import attributes, bpf
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import receive_queues
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config

__all__ = ("Receiver", "XdpSocket", "open_receiver", "start_line")

_AF_XDP, _SOL_XDP = 44, 283
_MMAP_OFFSETS, _RX_RING, _UMEM_REG, _UMEM_FILL_RING, _UMEM_COMPLETION_RING, _STATISTICS = 1, 2, 4, 5, 6, 7
_PGOFF_RX, _PGOFF_FILL = 0, 0x100000000
_RX, _FILL = 0, 2  # their places in struct xdp_mmap_offsets
_COPY = 1 << 1
_ADDRESS = struct.Struct("=HHIII")  # struct sockaddr_xdp: family, flags, ifindex, queue, shared umem
_UMEM = struct.Struct("=QQII")  # struct xdp_umem_reg as kernel 4.18 has it: address, length, chunk size, headroom
_DESCRIPTOR = struct.Struct("=QII")  # struct xdp_desc: address, length, options
_CHUNK_ADDRESS = struct.Struct("=Q")
_INDEX = struct.Struct("=I")

_CHUNK, _CHUNKS = 4096, 2048
_NOT_SENT = 64  # chunks of a ring that is obligatory and stays empty: nothing is sent
_UPDATE, _NOEXIST = 2, 1  # of bpf(2)
_REDIRECTED = [key for key, words in COUNTERS].index("redirected")
_LOOK_UP = 0.1  # seconds after which it is seen that somebody wants to stop
_RELEASE = 0.5  # seconds after which a queue that is busy is really somebody else's
_GRACE = 0.02  # seconds in which what is on its way to a socket has arrived

_REMEDIES = {
    errno.EAFNOSUPPORT: "This kernel has no AF_XDP (CONFIG_XDP_SOCKETS)",
    errno.EBUSY: "Another AF_XDP socket is bound to this queue: stop it ('ss --xdp -p' names its process)",
    errno.EINVAL: "See 'ethtool -l' for the queues of this interface",
}
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_EXTENSIONS = (0, 43, 44, 60)  # hop-by-hop, routing, fragment (an atomic one), destination options


class XdpSocket:
    """A socket bound to one receive queue of one interface. It gets packets once it is in a XSKMAP."""

    def __init__(self, ifindex: int, queue: int) -> None:
        with contextlib.ExitStack() as stack:
            self._memory = stack.enter_context(mmap.mmap(-1, _CHUNK * _CHUNKS))
            self._socket = stack.enter_context(socket.socket(_AF_XDP, socket.SOCK_RAW))
            address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
            self._set(_UMEM_REG, _UMEM.pack(address, len(self._memory), _CHUNK, 0))
            self._set(_UMEM_COMPLETION_RING, _INDEX.pack(_NOT_SENT))
            self._fill = stack.enter_context(self._ring(_UMEM_FILL_RING, _FILL, _PGOFF_FILL, _CHUNK_ADDRESS))
            self._rx = stack.enter_context(self._ring(_RX_RING, _RX, _PGOFF_RX, _DESCRIPTOR))
            self._fill.put([(chunk * _CHUNK,) for chunk in range(_CHUNKS)])
            _bind(self.fileno(), _ADDRESS.pack(_AF_XDP, _COPY, ifindex, queue, 0))
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
            self._open = stack.pop_all()

    def __enter__(self) -> XdpSocket:
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it. The kernel removes it from every map it is in, and the packets pass to the stack again."""
        self._open.close()

    def fileno(self) -> int:
        """Return the file descriptor, which is the value for a XSKMAP."""
        return self._socket.fileno()

    def receive(self, timeout: float) -> t.List[bytes]:
        """Wait so many seconds for packets. Returns the frames that are there, from the Ethernet header on."""
        self._poll.poll(max(0, round(timeout * 1000)))
        found = self._rx.take()
        frames = [self._memory[address: address + length] for address, length, _options in found]
        self._fill.put([(address - address % _CHUNK,) for address, _length, _options in found])
        return frames

    def lost(self) -> int:
        """Return how many packets were redirected here and found no room (C(struct xdp_statistics))."""
        raw = self._socket.getsockopt(_SOL_XDP, _STATISTICS, 48)
        return sum(struct.unpack_from("=Q16xQ", raw.ljust(48, b"\0")))  # rx_dropped, rx_ring_full (kernel 5.9)

    def _set(self, option: int, value: bytes) -> None:
        self._socket.setsockopt(_SOL_XDP, option, value)

    def _ring(self, option: int, place: int, page_offset: int, entry: struct.Struct) -> _Ring:
        self._set(option, _INDEX.pack(_CHUNKS))
        raw = self._socket.getsockopt(_SOL_XDP, _MMAP_OFFSETS, 128)
        producer, consumer, entries = struct.unpack_from("=QQQ", raw, len(raw) // 4 * place)  # before 5.4 they are shorter
        memory = mmap.mmap(self.fileno(), entries + _CHUNKS * entry.size, offset=page_offset)
        return _Ring(memory, producer, consumer, entries, entry)


class _Ring:
    """A queue in memory shared with the kernel: its indices count on for ever, and wrap at 2**32."""

    def __init__(self, memory: mmap.mmap, producer: int, consumer: int, entries: int, entry: struct.Struct) -> None:
        self._memory = memory
        self._producer = producer
        self._consumer = consumer
        self._entries = entries
        self._entry = entry

    def __enter__(self) -> _Ring:
        return self

    def __exit__(self, *exception: object) -> None:
        self._memory.close()

    def put(self, values: t.Sequence[t.Tuple[int, ...]]) -> None:
        """Produce. There is always room: a ring has as many entries as there are chunks."""
        index = self._read(self._producer)
        for offset, value in enumerate(values):
            self._entry.pack_into(self._memory, self._place(index + offset), *value)
        self._write(self._producer, index + len(values))

    def take(self) -> t.List[t.Tuple[int, ...]]:
        """Consume all there is."""
        index = self._read(self._consumer)
        count = (self._read(self._producer) - index) % (1 << 32)
        found = [self._entry.unpack_from(self._memory, self._place(index + offset)) for offset in range(count)]
        self._write(self._consumer, index + count)
        return found

    def _place(self, index: int) -> int:
        return self._entries + index % _CHUNKS * self._entry.size

    def _read(self, offset: int) -> int:
        return int(_INDEX.unpack_from(self._memory, offset)[0])

    def _write(self, offset: int, index: int) -> None:
        _INDEX.pack_into(self._memory, offset, index % (1 << 32))


def _bind(fd: int, address: bytes) -> None:
    """Call bind(2): Python's own does not know this family."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(fd, address, len(address)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Receiver:
    """A socket in the XSKMAP of the filter that runs on its interface."""

    def __init__(self, kernel: Kernel, program: Program, queue: int, bound: XdpSocket) -> None:
        self.program = program
        self.lost = bound.lost
        self._kernel = kernel
        self._queue = queue
        self._socket = bound
        self._stopped = False
        self._counted_before = _redirected(kernel, program)

    def enter(self, name: str) -> None:
        """Have the packets of the queue come here. Raises FastpathError."""
        with self._xsks() as xsks:
            _insert(name, xsks.fd, self._queue, self._socket.fileno())

    def frames(self, seconds: float) -> t.Iterator[bytes]:
        """Yield what arrives in this time, or until it is stopped."""
        end = time.monotonic() + seconds
        left = seconds
        while left > 0 and not self._stopped:
            yield from self._socket.receive(min(left, _LOOK_UP))
            left = end - time.monotonic()

    def stop(self) -> None:
        """Let C(frames) come to its end. A signal handler may call this: no packet that was taken is forgotten."""
        self._stopped = True

    def leave(self) -> t.List[bytes]:
        """Have the packets pass to the stack again. Returns those that were on their way here."""
        with self._xsks() as xsks:
            xsks.delete(_INDEX.pack(self._queue))
        time.sleep(_GRACE)
        return self._socket.receive(0)

    def counted(self) -> int:
        """Return by how much the filter's counter C(redirected) has grown since this was opened."""
        return _redirected(self._kernel, self.program) - self._counted_before

    def _xsks(self) -> Map:
        return self._kernel.map_by_id(self.program.maps["xsks_map"])


@contextlib.contextmanager
def open_receiver(kernel: Kernel, name: str, queue: int) -> t.Iterator[Receiver]:
    """Have the filter on an interface redirect a queue to a socket. Raises FastpathError.

    A socket under the number of another queue, or in the map of another interface, would lose every packet, and only
    the interface's rx_dropped would show it. So key and queue, map and interface are the same ones here.
    """
    if os.geteuid() != 0:
        raise FastpathError("user id %d" % os.geteuid(), "AF_XDP and BPF need root", "Run it with sudo")
    interface = kernel.interface(name)
    program = _filter(kernel, name, interface.ifindex)
    _check_queue(name, queue)
    with contextlib.ExitStack() as stack:
        try:
            bound = stack.enter_context(_bound(interface.ifindex, queue))
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, "See what the kernel says of it in 'dmesg'")
            raise FastpathError("%s, queue %d" % (name, queue), "AF_XDP: " + reason_of(error), remedy) from error
        receiver = Receiver(kernel, program, queue, bound)
        receiver.enter(name)
        yield receiver


def start_line(frame: bytes) -> str:
    """Return the first line of the SIP message in a redirected frame, with what is not printable escaped.

    What is redirected was judged before: it is an untagged, whole UDP datagram with a request in it.
    """
    if frame[12:14] == _IPV4:
        transport = 14 + 4 * (frame[14] & 15)
    else:
        transport, following = 54, frame[20]
        while following in _EXTENSIONS:
            size = 8 if following == 44 else 8 + 8 * frame[transport + 1]
            following, transport = frame[transport], transport + size
    text = frame[transport + 8:].lstrip(b"\r\n \t\0")
    line = text.replace(b"\r", b"\n").partition(b"\n")[0]
    return line.decode("latin-1").encode("unicode_escape").decode("ascii")


def _filter(kernel: Kernel, name: str, ifindex: int) -> Program:
    program = kernel.attached(ifindex)
    if program is None or not program.ours:
        there = "program %d (%s) is attached, and it is not ours" % program[1:3] if program else "no filter is attached"
        raise FastpathError(name, there, "Attach it with vos.fastpath.xdp_attach")
    if not Config.unpack(kernel.read_first(program.maps[".rodata"])).af_xdp:
        raise FastpathError(name, "its filter redirects nothing", "Attach it with af_xdp=true")
    return program


def _bound(ifindex: int, queue: int) -> XdpSocket:
    """Bind to a queue. The kernel lets go of it only a moment after the socket before was closed."""
    deadline = time.monotonic() + _RELEASE
    while True:
        try:
            return XdpSocket(ifindex, queue)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        time.sleep(_GRACE)


def _check_queue(name: str, queue: int) -> None:
    """Refuse what is no receive queue. (bind(2) takes the number of a send queue as well.)"""
    count = receive_queues(name)
    if not 0 <= queue < count:
        numbers = "0 to %d" % (count - 1) if count > 1 else "only queue 0"
        raise FastpathError("queue %d" % queue, "%s receives on %s" % (name, numbers), "Name one of these")


def _redirected(kernel: Kernel, program: Program) -> int:
    with kernel.map_by_id(program.maps["xdp_counters"]) as counters:
        raw = counters.lookup(_INDEX.pack(_REDIRECTED)) or b""
    return sum(value for (value,) in struct.iter_unpack("=Q", raw))


def _insert(name: str, map_fd: int, queue: int, socket_fd: int) -> None:
    key, value = (ctypes.create_string_buffer(_INDEX.pack(number), 4) for number in (queue, socket_fd))
    try:
        bpf(_UPDATE, attributes("I4xQQQ", map_fd, ctypes.addressof(key), ctypes.addressof(value), _NOEXIST))
    except OSError as error:
        taken = "another socket is there already" if error.errno == errno.EEXIST else reason_of(error)
        remedy = "Stop the program that put it there ('ss --xdp -p' lists sockets)"
        raise FastpathError("xsks_map[%d] of %s" % (queue, name), taken, remedy) from error
