# SPDX-License-Identifier: GPL-3.0-or-later

"""The real program in the real kernel: built, loaded, fed with frames by BPF_PROG_TEST_RUN, its counters read."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi
from ansible_collections.vos.fastpath.plugins.module_utils import _bpf, _clock
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map

FILES = Path(__file__).resolve().parents[2] / "files"
FLAGS = ("-target", "bpf", "-O2", "-mcpu=v3", "-g", "-Wall", "-Wextra", "-Werror")
ACTIONS = {1: "drop", 2: "pass", 4: "redirect"}  # enum xdp_action
FIRST = bytes(4)
LINEAR_MAX = 3500
"""BPF_PROG_TEST_RUN has room for a little more than this in the first buffer, and makes more buffers of a longer frame."""
FOREVER = float("inf")

_TEST_RUN = 10
_TEST_RUN_ATTR = struct.Struct("=IIIIQQIIIIQQIII")
_CONTEXT = struct.Struct("=IIIIII")  # struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
_STATS = struct.Struct("=%dQ" % (abi.REASON_SLOTS * 4 + abi.METHOD_SLOTS))


def vmlinux(folder: Path) -> Path:
    """The kernel's types, as the role makes them on a host."""
    header = folder / "vmlinux.h"
    if not header.exists():
        argv = ("bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c")
        header.write_bytes(subprocess.run(argv, check=True, capture_output=True).stdout)
    return header


def build(folder: Path, compiler: str = "clang") -> Path:
    """Compile the program as the role does, and return the object. A warning is an error."""
    target = folder / f"sip_logic.{compiler}.o"
    _compile(compiler, target, FILES, "-I", str(vmlinux(folder).parent))
    return target


def build_without_vmlinux(target: Path, compiler: str = "clang", sources: Path = FILES, *options: str) -> Path:
    """Compile it against the headers of user space, which takes a third of the time."""
    triple = subprocess.run((compiler, "-print-target-triple"), check=True, capture_output=True, text=True).stdout.strip()
    _compile(compiler, target, sources, *options, "-DSIP_UAPI_HEADERS", "-I", f"/usr/include/{triple.replace('-pc-', '-')}")
    return target


def _compile(compiler: str, target: Path, sources: Path, *options: str) -> None:
    argv = (compiler, *FLAGS, *options, "-I", str(sources), "-c", str(sources / "sip_logic.bpf.c"), "-o", str(target))
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)


class Counts(NamedTuple):
    """Everything the program has counted, summed over the CPUs; without what is 0."""

    reasons: Mapping[str, int]
    would_drop: Mapping[str, int]
    methods: Mapping[str, int]
    counters: Mapping[str, int]
    bytes: int


class Program:
    """One loaded program with its own maps."""

    def __init__(self, stack: ExitStack, path: Path, config: bytes, frags: bool) -> None:
        loaded = stack.enter_context(BpfObject(str(path)))
        loaded.configure(config)
        if frags:
            loaded.accept_frags()
        self.fd = loaded.load()
        self.maps = {name: Map(loaded.map_fd(name)) for name in abi.MAPS}
        self._attr = ctypes.create_string_buffer(_TEST_RUN_ATTR.size)
        self._settings = abi.SETTINGS.pack(0, 0, 0, 0, 0, 0)

    def run(self, frame: bytes, *, repeat: int = 1, linear: int | None = None, queue: tuple[int, int] | None = None) -> str:
        """Return what the program does with a frame.

        C(linear): how many bytes are in the first buffer. C(queue): interface and receive queue it comes in by.
        """
        return ACTIONS[self.timed(frame, repeat=repeat, linear=linear, queue=queue)[0]]

    def timed(
        self, frame: bytes, *, repeat: int = 1, linear: int | None = None, queue: tuple[int, int] | None = None
    ) -> tuple[int, int]:
        """Return the verdict and the nanoseconds it took, on average over the repetitions."""
        data = ctypes.c_char_p(frame)
        context = b""
        if linear is not None or queue is not None:
            context = _CONTEXT.pack(0, len(frame) if linear is None else linear, 0, *(queue or (0, 0)), 0)
        where = ctypes.cast(ctypes.c_char_p(context), ctypes.c_void_p).value if context else 0
        _TEST_RUN_ATTR.pack_into(
            self._attr, 0, self.fd, 0, len(frame), 0, ctypes.cast(data, ctypes.c_void_p).value, 0, repeat, 0,
            len(context), 0, where, 0, 0, 0, 0,
        )  # fmt: skip
        _bpf.bpf(_TEST_RUN, self._attr)
        return struct.unpack_from("=I", self._attr, 4)[0], struct.unpack_from("=I", self._attr, 36)[0]

    def verified(self) -> int:
        """How many instructions the verifier went through (C(bpf_prog_info.verified_insns), kernel 5.16)."""
        info = ctypes.create_string_buffer(232)
        _bpf.bpf(15, _bpf.attributes("IIQ", self.fd, len(info), ctypes.addressof(info)))
        return struct.unpack_from("=I", info, 216)[0]

    def set(self, **settings: int) -> None:
        """Change settings by the names of C(struct sip_settings); what is not named becomes 0."""
        names = ("flags", "stealth_methods", "malformed_scope", "rate_per_second", "rate_burst", "reserved")
        self.maps["xdp_settings"].update(FIRST, abi.SETTINGS.pack(*(settings.get(name, 0) for name in names)))

    def list(self, text: str, *, allow: float | None = None, block: float | None = None) -> None:
        """Put a host or a prefix on the lists until a time (of CLOCK_MONOTONIC)."""
        bits = (abi.LISTS["allow"] if allow is not None else 0) | (abi.LISTS["block"] if block is not None else 0)
        table, key, length = table_key(text)
        self.maps[table].update(key, abi.LIST_ENTRY.pack(bits, length, tick(allow), tick(block), 0, 0))
        self._gate(table, 1)

    def entry(self, text: str) -> tuple[int, ...]:
        """The entry of a host or prefix: C(abi.LIST_ENTRY)."""
        table, key, _length = table_key(text)
        value = self.maps[table].lookup(key)
        assert value is not None, f"{text} is not listed"
        return abi.LIST_ENTRY.unpack(value)

    def forget(self) -> None:
        """Empty the lists, the counters and the token buckets."""
        for name in ("hosts_v4", "hosts_v6", "prefixes_v4", "prefixes_v6", "rate_sources"):
            self.maps[name].delete_many([key for key, _value in self.maps[name].items()])
        self.maps["list_gate"].update(FIRST, bytes(abi.GATE.size))
        for name in ("xdp_counters", "xdp_stats", "rate_churn", "top_sources"):
            opened = self.maps[name]
            for slot in range(opened.shape.max_entries):
                key = struct.pack("=I", slot)
                value = opened.lookup(key) or b""
                if value.count(0) != len(value):
                    opened.update(key, bytes(len(value)))

    def _gate(self, table: str, value: int) -> None:
        names = [shape.name for shape in abi.HOST_MAPS[:4]]
        raw = self.maps["list_gate"].lookup(FIRST)
        assert raw is not None
        gate = list(abi.GATE.unpack(raw))
        gate[names.index(table)] = value
        self.maps["list_gate"].update(FIRST, abi.GATE.pack(*gate))

    def totals(self) -> tuple[int, ...]:
        """C(struct sip_stats) and C(xdp_counters), summed over the CPUs: a number for everything that is counted."""
        raw = self.maps["xdp_stats"].lookup(FIRST)
        assert raw is not None
        stats = [sum(column) for column in zip(*_STATS.iter_unpack(raw), strict=True)]
        slots = [self.maps["xdp_counters"].lookup(struct.pack("=I", slot)) or b"" for slot in range(len(abi.COUNTERS))]
        return (*stats, *(sum(number for (number,) in struct.iter_unpack("=Q", slot)) for slot in slots))

    def counts(self) -> Counts:
        """The same by name."""
        totals = self.totals()
        slots = abi.REASON_SLOTS
        packets = {"reasons": totals[: 2 * slots : 2], "would_drop": totals[2 * slots : 4 * slots : 2]}
        by_reason = {
            kind: {reason.name: number for reason, number in zip(abi.REASONS, numbers, strict=False) if number}
            for kind, numbers in packets.items()
        }
        methods = totals[4 * slots : 4 * slots + abi.METHOD_SLOTS]
        counters = totals[4 * slots + abi.METHOD_SLOTS :]
        return Counts(
            by_reason["reasons"],
            by_reason["would_drop"],
            {name: number for name, number in zip(abi.METHODS, methods, strict=False) if number},
            {key: number for (key, _words), number in zip(abi.COUNTERS, counters, strict=True) if number},
            sum(totals[1 : 4 * slots : 2]),
        )


def table_key(text: str) -> tuple[str, bytes, int]:
    """The table of a host or prefix, its key there, and its length."""
    where, _slash, bits = text.partition("/")
    address = ip_address(where)
    length = int(bits or address.max_prefixlen)
    if length == address.max_prefixlen:
        return f"hosts_v{address.version}", address.packed, length
    return f"prefixes_v{address.version}", struct.pack("=I", length) + address.packed, length


def tick(until: float | None) -> int:
    """The tick of a time; 0 (never) for C(FOREVER)."""
    return 0 if until is None or until == FOREVER else _clock.ticks_of(until)


def config(ports: tuple[int, ...] = (5060,), *, af_xdp: bool = False, frags: bool = False) -> bytes:
    """C(struct sip_config)."""
    packed = struct.pack("!8H", *ports, *(0,) * (abi.PORTS_MAX - len(ports)))
    flags = (abi.CONFIG_AF_XDP if af_xdp else 0) | (abi.CONFIG_FRAGS if frags else 0)
    return abi.CONFIG.pack(len(ports), packed, flags, _clock.ticks_per_second())


@contextmanager
def load(path: Path, ports: tuple[int, ...] = (5060,), *, af_xdp: bool = False, frags: bool = False) -> Iterator[Program]:
    """The program, loaded until the end of the block."""
    with ExitStack() as stack:
        yield Program(stack, path, config(ports, af_xdp=af_xdp, frags=frags), frags)


def mask(*methods: str) -> int:
    """C(stealth_methods) for these, by the names of C(abi.METHODS)."""
    return sum(1 << abi.METHODS.index(method) for method in methods)


def cpu_of_one() -> None:
    """Stay on one CPU: per-CPU numbers are then of one CPU, and times do not jump."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
