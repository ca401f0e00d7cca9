# SPDX-License-Identifier: GPL-3.0-or-later

"""A kernel in memory: interfaces, programs, maps and pins that behave like the real ones (test_contract.py compares the two).

What is opened has to be closed, what nothing refers to is gone, and every change is written down in C(writes).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.vos.fastpath.plugins.module_utils._abi import COUNTERS, LISTS, MAPS, PROGRAM_NAME, STATS_NUMBERS, MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._change import Undo
from ansible_collections.vos.fastpath.plugins.module_utils._devices import Device
from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._host_maps import find_host_map, require_host_maps
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface, Neighbours, NoInterface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._lists import apply, plan, read
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING, Refused
from ansible_collections.vos.fastpath.plugins.module_utils._outlook import Release
from ansible_collections.vos.fastpath.plugins.module_utils._pins import host_path
from ansible_collections.vos.fastpath.plugins.module_utils._plan import read_live
from ansible_collections.vos.fastpath.plugins.module_utils._program import Candidate
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config
from ansible_collections.vos.fastpath.tests.unit.fake_maps import ARRAYS, CPUS, PERCPU, FakeMap, Table

HZ = 250
NO_NATIVE = (errno.EOPNOTSUPP, "Underlying driver does not support XDP in native mode")
BIG_MTU = (errno.ERANGE, "veth: Peer MTU is too large to set XDP")
NO_OFFLOAD = (errno.EINVAL, "Invalid argument")


@dataclass
class Code:
    """A loaded program."""

    name: str
    tag: str
    maps: dict[str, int]
    link_id: int | None = None


@dataclass
class Nic:
    """An interface, what its driver refuses by mode, and what is attached to it by mode."""

    device: Device
    refuses: dict[str, tuple[int, str]]
    attached: dict[str, int] = field(default_factory=dict)
    queues: int = 1
    received: int = 7

    @property
    def interface(self) -> Interface:
        return self.device.interface


class FakeKernel(AttachingKernel):
    """One host. Its objects are files: any text is a program whose tag is its digest, "refused" is one the verifier refuses."""

    def __init__(self) -> None:
        self.nics: dict[str, Nic] = {}
        self.tables: dict[int, Table] = {}
        self.codes: dict[int, Code] = {}
        self.descriptors: dict[int, tuple[str, int]] = {}
        self.pins: dict[str, int] = {}
        self.folders: set[str] = set()
        self.made_for: dict[int, Nic] = {}
        """For which interface there are pins under a number."""
        self.writes: list[tuple[object, ...]] = []
        self.offline: list[int] = []
        """CPUs on which nothing can be run."""
        self.memory: int | None = None
        """How many more entries there is memory for; None is plenty."""
        self.ways: dict[str | tuple[str, str], str] = {}
        """By which interface an address is reached, or from an address of ours."""
        self.waiting: dict[str, tuple[int, list[int]]] = {}
        """Changes that wait for their confirmation: seconds, and programs."""
        self.before_expiry: Callable[[], None] | None = None
        """What somebody else does before nobody has confirmed in time."""
        self.undone: str | None = None
        self.read_only = False
        """Whether nothing can be pinned."""
        self.before_attach: Callable[[], None] | None = None
        self.after_attach: Callable[[], None] | None = None
        """What somebody else does at that moment, once."""
        self.runs_on: Release = (6, 12)
        self.lacks: list[str] = []
        self.has_bpffs = True
        self._numbers = itertools.count(1)
        self.add_nic("lo", 1)

    # What a test says about the host.

    def add_nic(self, name: str, ifindex: int, refuses: Mapping[str, tuple[int, str]] | None = None) -> None:
        """Plug an interface in."""
        driver = "virtual" if refuses else "virtio_net"
        features = () if (refuses or {}).get("native") == NO_NATIVE else ("basic", "redirect", "rx-sg")
        device = Device(Interface(name, ifindex, driver, 1500, "up"), "nic", 1, 1, 1, features=features)
        self.nics[name] = Nic(device, {"offload": NO_OFFLOAD, **(refuses or {})})

    def change(self, name: str, **facts: object) -> None:
        """Let an interface be another one."""
        nic = self.nics[name]
        of_interface = {key: facts.pop(key) for key in list(facts) if key in Interface._fields}
        nic.device = nic.device._replace(interface=nic.interface._replace(**of_interface), **facts)

    def stack(self, upper: str, *lowers: str) -> None:
        """Put one interface above others."""
        self.change(upper, lowers=lowers)
        for name in lowers:
            self.change(name, uppers=(*self.nics[name].device.uppers, upper))

    def run_foreign(self, name: str, mode: str, program: str = "other", link_id: int | None = None) -> int:
        """Have somebody else's program on an interface, in place of what is there."""
        prog_id = next(self._numbers)
        self.codes[prog_id] = Code(program, "f0" * 8, {}, link_id)
        self.nics[name].attached = {mode: prog_id}
        self._collect()
        return prog_id

    def allow(self, *texts: str, until: int = 0) -> None:
        """Have these on the allowlist, until that tick."""
        self._list("allow", texts, until)

    def block(self, *texts: str) -> None:
        """Have these on the blocklist."""
        self._list("block", texts)

    def outdate(self, map_id: int, **older: int) -> None:
        """Have a map of an older version: with shorter values, or fewer entries."""
        table = self.tables[map_id]
        cpus, width = CPUS if table.shape.type in PERCPU else 1, table.shape.value_size
        table.shape = table.shape._replace(**older)
        kept = dict(list(table.values.items())[: table.shape.max_entries])
        values = {key: [value[width * cpu :][: table.shape.value_size] for cpu in range(cpus)] for key, value in kept.items()}
        table.values = {key: b"".join(value) for key, value in values.items()}

    def _list(self, name: str, texts: Sequence[str], until: int = 0) -> None:
        assert name in LISTS
        current, wanted = read(self), collect(texts, (), 0.0).wanted
        apply(self, current, plan(current, {table: dict.fromkeys(keys, until) for table, keys in wanted.items()}, name, "present"))
        self.writes.clear()

    def state(self) -> object:
        """Return all that can be seen from outside, to be compared."""
        programs = {name: [(mode, self.codes[number]) for mode, number in nic.attached.items()] for name, nic in self.nics.items()}
        return repr((programs, self.tables, sorted(self.pins.items()), sorted(self.folders)))

    # What only the fake needs.

    def is_attached(self, prog_id: int) -> bool:
        """Whether a program is on any interface."""
        return any(prog_id in nic.attached.values() for nic in self.nics.values())

    def wrote(self, *what: object) -> None:
        """Write a change down."""
        self.writes.append(what)

    def open(self, kind: str, number: int) -> int:
        """Return a new descriptor."""
        fd = 1000 + next(self._numbers)
        self.descriptors[fd] = (kind, number)
        return fd

    def close(self, fd: int) -> None:
        """Close it; what nothing refers to any more is gone."""
        del self.descriptors[fd]
        self._collect()

    def _collect(self) -> None:
        opened = set(self.descriptors.values())
        self.codes = {number: code for number, code in self.codes.items() if self.is_attached(number) or ("prog", number) in opened}
        used = {number for code in self.codes.values() for number in code.maps.values()} | set(self.pins.values())
        self.tables = {number: table for number, table in self.tables.items() if number in used or ("map", number) in opened}

    def _new_table(self, shape: MapShape) -> int:
        map_id = next(self._numbers)
        self.tables[map_id] = Table(shape)
        if shape.type in ARRAYS and shape.name != "xsks_map":
            size = shape.value_size * (CPUS if shape.type in PERCPU else 1)
            slots = range(min(shape.max_entries, 16))
            self.tables[map_id].values = {slot.to_bytes(4, "little"): bytes(size) for slot in slots}
        return map_id

    # What the modules call.

    def interfaces(self) -> list[str]:
        return sorted(self.nics)

    def interface(self, name: str) -> Interface:
        if name not in self.nics:
            raise NoInterface(name, self.interfaces())
        return self.nics[name].interface

    def neighbours(self, name: str) -> Neighbours:
        device = self.nics[name].device
        return Neighbours(device.uppers, device.lowers)

    def device(self, interface: Interface) -> Device:
        return self.nics[interface.name].device

    def release(self) -> Release:
        return self.runs_on

    def missing_capabilities(self) -> list[str]:
        return self.lacks

    def mounted(self) -> bool:
        return self.has_bpffs

    def statistics(self, name: str) -> dict[str, int]:
        names = ("rx_packets", "rx_bytes", "rx_dropped", "rx_errors", "tx_packets", "tx_bytes", "tx_dropped", "tx_errors")
        return dict.fromkeys(names, self.nics[name].received)

    def receive_queues(self, name: str) -> int:
        return self.nics[name].queues

    def attached(self, ifindex: int) -> Program | None:
        both = self._nic(ifindex).attached
        for mode, prog_id in both.items():
            code = self.codes[prog_id]
            ours = code.name == PROGRAM_NAME and {"xdp_counters", "xdp_settings"} <= code.maps.keys()
            return Program("multiple" if len(both) > 1 else mode, prog_id, code.name, code.tag, ours, dict(code.maps), 3.5, code.link_id)
        return None

    def _nic(self, ifindex: int) -> Nic:
        return next(nic for nic in self.nics.values() if nic.interface.ifindex == ifindex)

    @contextlib.contextmanager
    def opened(self, prog_id: int) -> Iterator[int]:
        if prog_id not in self.codes:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        fd = self.open("prog", prog_id)
        try:
            yield fd
        finally:
            self.close(fd)

    @contextlib.contextmanager
    def load(self, path: str, config: Config, reuse: Mapping[str, int]) -> Iterator[Candidate]:
        try:
            with open(path, "rb") as stream:
                text = stream.read()
        except OSError as error:
            raise FastpathError(path, os.strerror(error.errno or 0), "Name the object that was built") from error
        if text == b"refused":
            raise FastpathError(path, "the kernel or libbpf refused to load it: Permission denied", "See the log", log="R1 is bad")
        maps = {name: self._reused(name, reuse) for name in MAPS}
        maps[".rodata"] = self._new_table(MapShape("sip.rodata", 2, 4, 32, 1))
        self.tables[maps[".rodata"]].values[bytes(4)] = config.pack(True, HZ)
        prog_id = next(self._numbers)
        self.codes[prog_id] = Code(PROGRAM_NAME, hashlib.sha1(text).hexdigest()[:16], maps)
        fd = self.open("prog", prog_id)
        try:
            yield Candidate(fd, prog_id, self.codes[prog_id].tag)
        finally:
            self.close(fd)

    def _reused(self, name: str, reuse: Mapping[str, int]) -> int:
        if name not in reuse:
            return self._new_table(MAPS[name])
        return self.descriptors[reuse[name]][1]

    def map_by_id(self, map_id: int) -> FakeMap:
        if map_id not in self.tables:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return FakeMap(self, map_id)

    def read_first(self, map_id: int) -> bytes:
        with self.map_by_id(map_id) as opened:
            return opened.lookup(bytes(4)) or b""

    def new_map(self, shape: MapShape) -> FakeMap:
        opened = FakeMap(self, map_id := self._new_table(shape))
        assert map_id == opened.info.id
        return opened

    def add(self, opened: FakeMap, words: Sequence[int], rows: Iterable[tuple[bytes, Sequence[int]]]) -> None:
        values = opened.table.values
        for key, numbers in rows:
            for word, number in zip(words, numbers, strict=True):
                raw = values[key]
                there = int.from_bytes(raw[8 * word : 8 * word + 8], "little")
                values[key] = raw[: 8 * word] + ((there + number) % (1 << 64)).to_bytes(8, "little") + raw[8 * word + 8 :]

    def sockets(self, map_id: int, queues: int) -> dict[int, int]:
        with self.map_by_id(map_id) as xsks:  # whose values are, here, the queues that the sockets are bound to
            found = {queue: xsks.lookup(queue.to_bytes(4, "little")) for queue in range(queues)}
        return {queue: int.from_bytes(value, "little") for queue, value in found.items() if value is not None}

    @contextlib.contextmanager
    def taking(self, counters: int, stats: int, top: int) -> Iterator[Callable[[], list[int]]]:
        with contextlib.ExitStack() as stack:
            maps = [stack.enter_context(self.map_by_id(map_id)) for map_id in (counters, stats, top)]

            def take() -> list[int]:
                taken: list[int] = []
                for opened in maps:
                    size = opened.shape.value_size
                    for key, value in opened.items():
                        of_cpus = [value[cpu * size: (cpu + 1) * size] for cpu in range(CPUS)]
                        reached = [bytes(size) if cpu in self.offline else of_cpus[cpu] for cpu in range(CPUS)]
                        numbers = [struct.unpack("=%dQ" % (size // 8), each) for each in reached]
                        taken += map(sum, zip(*numbers, strict=True))
                        opened.update(key, b"".join(of_cpus[cpu] if cpu in self.offline else bytes(size) for cpu in range(CPUS)))
                return taken[: len(COUNTERS) + STATS_NUMBERS]

            yield take

    def unreachable_cpus(self) -> list[int]:
        return self.offline

    def host_map(self, name: str) -> FakeMap | None:
        return find_host_map(self, name, self._by_pin(name))

    def interface_map(self, ifindex: int, name: str) -> FakeMap | None:
        return self._by_pin("if%d/%s" % (ifindex, name))

    def _by_pin(self, path: str) -> FakeMap | None:
        return FakeMap(self, self.pins[path]) if path in self.pins else None

    def wait_for_programs(self) -> None:
        self.wrote("wait", "programs", None)

    def require_host_maps(self) -> None:
        require_host_maps(self)

    def pinned(self, ifindex: int | None = None) -> dict[str, int]:
        return {name: number for path, number in self.pins.items() for folder, name in [self._place(path)] if folder == self._folder(ifindex)}

    def pin(self, ifindex: int | None, maps: Mapping[str, FakeMap]) -> None:
        folder, there = self._folder(ifindex), self.pinned(ifindex)
        if self.read_only:
            raise FastpathError(host_path(), "Read-only file system (EROFS)", "Run as root")
        self.folders.update(("", folder))
        if ifindex is not None:
            self.made_for.setdefault(ifindex, self._nic(ifindex))
        self.pins = {path: number for path, number in self.pins.items() if self._place(path)[0] != folder or self._place(path)[1] in maps}
        for name, opened in maps.items():
            if there.get(name) != opened.info.id:
                self.wrote("pin", ifindex, name)
                self.pins[(folder + "/" + name).lstrip("/")] = opened.info.id
        self._collect()

    def pinned_interfaces(self) -> list[int]:
        return sorted(int(name[2:]) for name in self.folders if name)

    @staticmethod
    def _folder(ifindex: int | None) -> str:
        return "" if ifindex is None else "if%d" % ifindex

    @staticmethod
    def _place(path: str) -> tuple[str, str]:
        folder, _slash, name = path.rpartition("/")
        return folder, name

    def is_left_over(self, ifindex: int) -> bool:
        nic = next((nic for nic in self.nics.values() if nic.interface.ifindex == ifindex), None)
        return nic is None or self.made_for.get(ifindex, nic) is not nic

    def is_pinned(self, ifindex: int | None = None) -> bool:
        return ("" if ifindex is None else "if%d" % ifindex) in self.folders

    def forget(self, ifindex: int | None = None) -> None:
        if self.is_pinned(ifindex):
            self.wrote("forget", ifindex)
        gone = "" if ifindex is None else "if%d" % ifindex
        self.folders = {name for name in self.folders if gone and name != gone}
        self.made_for = {number: nic for number, nic in self.made_for.items() if ifindex not in (None, number)}
        self.pins = {path: number for path, number in self.pins.items() if gone and not path.startswith(gone + "/")}
        self._collect()

    def way_to(self, address: str, source: str | None = None) -> str | None:
        return self.ways.get((address, source or ""), self.ways.get(address))

    @contextlib.contextmanager
    def dead_man(self, seconds: int, undo: Undo, programs: Collection[int]) -> Iterator[str]:
        self.waiting = {"token": (seconds, sorted(programs))}
        try:
            yield "token"
        except FastpathError:
            self.waiting = {}
            raise
        if self.before_expiry:
            self.before_expiry()
            self.undone = "; ".join(undo(programs)) or "everything is as it was before"

    def unconfirmed(self) -> str | None:
        return None if self.undone else next(iter(self.waiting), None)

    def confirm(self, token: str) -> str | None:
        del self.waiting[token]
        return self.undone

    def attach(self, ifindex: int, mode: str, prog_fd: int, expected_fd: int) -> None:
        meanwhile, self.before_attach = self.before_attach, None
        if meanwhile:
            meanwhile()
        nic = self._nic(ifindex)
        if any(self.codes[number].link_id for number in nic.attached.values()):
            raise Refused(errno.EBUSY, "Can't replace active BPF XDP link")
        if any(self.nics[upper].attached for upper in nic.device.uppers):
            raise Refused(errno.EEXIST, "Cannot attach when an upper device already has a program")
        self._check_attach(nic, mode, prog_fd, expected_fd)
        self.wrote("attach", nic.interface.name, mode)
        nic.attached.pop(mode, None)
        if prog_fd != NOTHING:
            nic.attached[mode] = self.descriptors[prog_fd][1]
        self._collect()
        meanwhile, self.after_attach = self.after_attach, None
        if meanwhile:
            meanwhile()

    def _check_attach(self, nic: Nic, mode: str, prog_fd: int, expected_fd: int) -> None:
        """Refuse in the order of dev_xdp_attach() in net/core/dev.c."""
        expected = None if expected_fd == NOTHING else self.descriptors[expected_fd][1]
        if nic.attached.get(mode) != expected:
            raise Refused(errno.EEXIST, "Active program does not match expected")
        if prog_fd == NOTHING:
            return
        if mode != "offload" and set(nic.attached) - {mode, "offload"}:
            raise Refused(errno.EEXIST, "Native and generic XDP can't be active at the same time")
        if mode in nic.refuses:
            raise Refused(*nic.refuses[mode])


def shown(kernel: Kernel, name: str) -> dict[str, object]:
    """What is on an interface."""
    return read_live(kernel, name).describe()
