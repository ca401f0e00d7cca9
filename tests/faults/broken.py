# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on a host by itself or by hand: each fault is made, met by a run, and followed by the next run.

The names are the first column of docs/faults.md, what a run says is the second, and what the next one says is the third.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ansible_collections.vos.fastpath.plugins.module_utils import _pins
from ansible_collections.vos.fastpath.tests.faults.host import BARE, BLOCKED, LISTED, NAME, TRUSTED, Host, listing
from ansible_collections.vos.fastpath.tests.faults.runs import Result, Wish, run, run_forked
from ansible_collections.vos.fastpath.tests.live.world import Outside, ip, settle_down
from ansible_collections.vos.fastpath.tests.unit.objects import SOURCES, compile_object

FAULTS: dict[str, Callable[[Place], tuple[str, str]]] = {}
_OWN = "/var/lib/vos-fastpath/build/sip_logic.bpf.o"


class Place(NamedTuple):
    """Where it goes wrong."""

    host: Host
    outside: Outside
    folder: Path
    foreign: str
    """Somebody else's program."""

    def says(self, result: Result) -> str:
        """What a result says to people, without what is different each time."""
        words = result.get("msg") or "; ".join(_done(result)) or "nothing to do"
        for path in self.host.objects.values():
            words = words.replace(path, _OWN)
        words = words.replace(str(self.folder), "/var/lib")
        for pattern, instead in ((r"program \d+", "program N"), (r"tag \w{16}", "tag T"), (r"/if\d+\b", "/ifN"), (r"number \d+", "number N"), (r"\s+", " ")):
            words = re.sub(pattern, instead, words)
        return words

    def healthy(self) -> None:
        """The filter is attached, and both lists have an entry."""
        for wish in (listing("allow", TRUSTED), listing("block", BLOCKED), self.host.present()):
            assert run_forked(wish)["changed"]
        assert self.host.arriving() == LISTED

    def met(self, wish: Wish, *wrapper: str) -> str:
        """What a run of the module says now."""
        return self.says(run(wish, *wrapper) if wrapper else run_forked(wish))

    def unharmed(self) -> None:
        """The filter is on, and the lists hold."""
        assert self.host.arriving() == LISTED

    def bare(self) -> None:
        """There is no filter."""
        assert self.host.program() is None
        assert self.host.arriving() == BARE


def fault(name: str) -> Callable[[Callable[[Place], tuple[str, str]]], Callable[[Place], tuple[str, str]]]:
    """Note a fault by its name."""

    def noted(function: Callable[[Place], tuple[str, str]]) -> Callable[[Place], tuple[str, str]]:
        FAULTS[name] = function
        return function

    return noted


def _done(result: Result) -> list[str]:
    return [*result.get("actions", ()), *result.get("reasons", ()), *(f"warning: {words}" for words in result.get("warnings", ()))]


@contextmanager
def _read_only(path: str) -> Iterator[None]:
    subprocess.run(("mount", "-o", "remount,ro", path), check=True)
    try:
        yield
    finally:
        subprocess.run(("mount", "-o", "remount,rw", path), check=True)


@fault("BPF filesystem read-only, first attach")
def bpf_filesystem_read_only_first_attach(place: Place) -> tuple[str, str]:
    with _read_only(_pins.BPFFS):
        said = place.met(place.host.present())
        place.bare()
    return said, place.met(place.host.present())


@fault("BPF filesystem read-only, upgrade")
def bpf_filesystem_read_only_upgrade(place: Place) -> tuple[str, str]:
    place.healthy()
    with _read_only(_pins.BPFFS):
        said = place.met(place.host.present("two"))
        place.unharmed()
    return said, place.met(place.host.present("two"))


@fault("BPF filesystem read-only, list change")
def bpf_filesystem_read_only_list_change(place: Place) -> tuple[str, str]:
    place.healthy()
    wish = listing("block", "192.0.2.99", state="present")
    with _read_only(_pins.BPFFS):
        said = place.met(wish)
        place.unharmed()
    return said, place.met(wish)


@fault("BPF filesystem read-only, removal")
def bpf_filesystem_read_only_removal(place: Place) -> tuple[str, str]:
    place.healthy()
    with _read_only(_pins.BPFFS):
        said = place.met(place.host.absent())
        place.unharmed()
    then = place.met(place.host.absent())
    place.bare()
    return said, then


@fault("BPF filesystem not mounted, first attach")
def bpf_filesystem_not_mounted_first_attach(place: Place) -> tuple[str, str]:
    _unmount()
    return place.met(place.host.present()), place.met(place.host.present())


@fault("BPF filesystem unmounted under the filter")
def bpf_filesystem_unmounted_under_the_filter(place: Place) -> tuple[str, str]:
    place.healthy()
    _unmount()
    place.unharmed()
    said = place.met(place.host.present())
    place.unharmed()
    return said, place.met(place.host.present())


def _unmount() -> None:
    while not subprocess.run(("umount", _pins.BPFFS), check=False, capture_output=True).returncode:
        pass


@fault("/run read-only")
def run_read_only(place: Place) -> tuple[str, str]:
    with _read_only("/run"):
        said = place.met(place.host.present())
        place.bare()
    return said, place.met(place.host.present())


@fault("build directory read-only")
def build_directory_read_only(place: Place) -> tuple[str, str]:
    with _small_disk(place.folder, "8m"):
        with _read_only(str(place.folder)):
            said = place.met(_building(place))
        return said, place.met(_building(place))


@fault("build directory full")
def build_directory_full(place: Place) -> tuple[str, str]:
    with _small_disk(place.folder, "256k"):
        said = place.met(_building(place))
        assert not list(place.folder.rglob("*.*"))
        subprocess.run(("mount", "-o", "remount,size=16m", str(place.folder)), check=True)
        return said, place.met(_building(place))


@contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[None]:
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"mode=755,size={size}", "tmpfs", str(folder)), check=True)
    try:
        yield
    finally:
        subprocess.run(("umount", str(folder)), check=True)


def _building(place: Place) -> Wish:
    files = Path(__file__).resolve().parents[2] / "files"
    sources = {path.name: path.read_text() for path in files.glob("*.[ch]")}
    return Wish("xdp_build", {"directory": str(place.folder / "vos-fastpath"), "sources": sources})


@fault("more entries than a table holds")
def more_entries_than_a_table_holds(place: Place) -> tuple[str, str]:
    place.healthy()
    many = place.folder / "blocklist"
    many.write_text("".join(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}\n" for number in range((1 << 20) + 1)))
    wish = Wish("xdp_blocklist", {"src": str(many), "remote_src": True, "state": "exact"})
    said = place.met(wish)
    place.unharmed()
    many.write_text(BLOCKED)
    return said, place.met(wish)


@fault("without CAP_NET_ADMIN")
def without_cap_net_admin(place: Place) -> tuple[str, str]:
    return _without(place, "net_admin")


@fault("without CAP_SYS_ADMIN")
def without_cap_sys_admin(place: Place) -> tuple[str, str]:
    return _without(place, "sys_admin")


@fault("without CAP_BPF and CAP_SYS_ADMIN")
def without_cap_bpf_and_cap_sys_admin(place: Place) -> tuple[str, str]:
    return _without(place, "bpf", "sys_admin")


@fault("without CAP_PERFMON and CAP_SYS_ADMIN")
def without_cap_perfmon_and_cap_sys_admin(place: Place) -> tuple[str, str]:
    return _without(place, "perfmon", "sys_admin")


def _without(place: Place, *capabilities: str) -> tuple[str, str]:
    """An upgrade is what takes all of them."""
    place.healthy()
    bounds = ",".join("-" + name for name in capabilities)
    said = place.met(place.host.present("two"), "setpriv", "--bounding-set", bounds)
    place.unharmed()
    return said, place.met(place.host.present("two"))


@fault("all pins deleted by hand")
def all_pins_deleted_by_hand(place: Place) -> tuple[str, str]:
    place.healthy()
    subprocess.run(("rm", "-r", _pins.host_path()), check=True)
    return _pinned_again(place)


@fault("the pins of an interface deleted by hand")
def the_pins_of_an_interface_deleted_by_hand(place: Place) -> tuple[str, str]:
    place.healthy()
    subprocess.run(("rm", "-r", _pins.interface_path(place.host.ifindex)), check=True)
    return _pinned_again(place)


@fault("one pin of a list deleted by hand")
def one_pin_of_a_list_deleted_by_hand(place: Place) -> tuple[str, str]:
    place.healthy()
    Path(_pins.host_path("hosts_v4")).unlink()
    return _pinned_again(place)


def _pinned_again(place: Place) -> tuple[str, str]:
    place.unharmed()
    said = place.met(place.host.present())
    place.unharmed()
    return said, place.met(place.host.present())


@fault("native program detached by hand")
def native_program_detached_by_hand(place: Place) -> tuple[str, str]:
    place.healthy()
    ip("link", "set", "dev", NAME, "xdp", "off")
    return _attached_again(place, place.host.present())


@fault("generic program detached by hand")
def generic_program_detached_by_hand(place: Place) -> tuple[str, str]:
    for wish in (listing("allow", TRUSTED), listing("block", BLOCKED), place.host.present(mode="generic")):
        assert run_forked(wish)["changed"]
    ip("link", "set", "dev", NAME, "xdpgeneric", "off")
    return _attached_again(place, place.host.present(mode="generic"))


def _attached_again(place: Place, wish: Wish) -> tuple[str, str]:
    place.bare()
    said = place.met(wish)
    place.unharmed()
    return said, place.met(wish)


@fault("another program attached in between")
def another_program_attached_in_between(place: Place) -> tuple[str, str]:
    _taken(place)
    said = place.met(place.host.present())
    _still_theirs(place)
    ip("link", "set", "dev", NAME, "xdp", "off")
    then = place.met(place.host.present())
    place.unharmed()
    return said, then


@fault("another program attached in between, removal")
def another_program_attached_in_between_removal(place: Place) -> tuple[str, str]:
    _taken(place)
    said = place.met(place.host.absent())
    _still_theirs(place)
    return said, place.met(place.host.absent())


def _taken(place: Place) -> None:
    place.healthy()
    ip("link", "set", "dev", NAME, "xdp", "off")
    ip("link", "set", "dev", NAME, "xdpdrv", "obj", place.foreign, "sec", "xdp")


def _still_theirs(place: Place) -> None:
    program = place.host.program()
    assert program is not None and not program.ours


@fault("interface renamed")
def interface_renamed(place: Place) -> tuple[str, str]:
    place.healthy()
    ip("link", "set", "dev", NAME, "down")
    ip("link", "set", "dev", NAME, "name", "trunk0")
    ip("link", "set", "dev", "trunk0", "up")
    said = place.met(place.host.present())
    then = place.met(place.host.present(interfaces=["trunk0"]))
    ip("link", "set", "dev", "trunk0", "down")
    ip("link", "set", "dev", "trunk0", "name", NAME)
    ip("link", "set", "dev", NAME, "up")
    place.unharmed()
    return said, then


@fault("interface deleted")
def interface_deleted(place: Place) -> tuple[str, str]:
    place.healthy()
    ip("link", "delete", NAME)
    return place.met(place.host.present()), place.met(place.host.present())


@fault("interface deleted and made again")
def interface_deleted_and_made_again(place: Place) -> tuple[str, str]:
    place.healthy()
    old = _pins.interface_path(place.host.ifindex)
    ip("link", "delete", NAME)
    ip("link", "add", NAME, "type", "veth", "peer", "name", "far0", "netns", place.outside.path)
    said = place.met(place.host.present())
    assert not Path(old).exists()
    return said, place.met(place.host.present())


@fault("interface moved to another namespace")
def interface_moved_to_another_namespace(place: Place) -> tuple[str, str]:
    place.healthy()
    ip("link", "set", "dev", NAME, "netns", place.outside.path)
    said = place.met(place.host.present())
    subprocess.run(("nsenter", f"--net={place.outside.path}", "ip", "link", "set", NAME, "netns", str(os.getpid())), check=True)
    then = place.met(place.host.present())
    settle_down(NAME, ("192.0.2.1/24",), ("192.0.2.254",))
    place.unharmed()
    return said, then


@fault("MTU raised to 9000 before the attach")
def mtu_raised_to_9000_before_the_attach(place: Place) -> tuple[str, str]:
    _jumbo(place)
    return place.met(place.host.present()), place.met(place.host.present())


@fault("MTU raised to 9000 under the filter")
def mtu_raised_to_9000_under_the_filter(place: Place) -> tuple[str, str]:
    place.healthy()
    _jumbo(place)
    place.unharmed()
    said = place.met(place.host.present("two"))
    place.unharmed()
    return said, place.met(place.host.present("two"))


@fault("MTU of 9000, and a program that takes no frags")
def mtu_of_9000_and_a_program_that_takes_no_frags(place: Place) -> tuple[str, str]:
    path = compile_object(SOURCES["no_frags"], place.folder / "sip_logic.bpf.o")
    wish = place.host.present(object=path, mode="native")
    _jumbo(place)
    said = place.met(wish)
    place.bare()
    ip("link", "set", "dev", NAME, "mtu", "1500")
    with place.outside.inside():
        ip("link", "set", "dev", "far0", "mtu", "1500")
    return said, place.met(wish)


def _jumbo(place: Place) -> None:
    ip("link", "set", "dev", NAME, "mtu", "9000")
    with place.outside.inside():
        ip("link", "set", "dev", "far0", "mtu", "9000")


@fault("link down")
def link_down(place: Place) -> tuple[str, str]:
    for wish in (listing("allow", TRUSTED), listing("block", BLOCKED)):
        assert run_forked(wish)["changed"]
    ip("link", "set", "dev", NAME, "down")
    said = place.met(place.host.present())
    ip("link", "set", "dev", NAME, "up")
    place.unharmed()
    return said, place.met(place.host.present())


@fault("object deleted")
def object_deleted(place: Place) -> tuple[str, str]:
    return _object(place, None)


@fault("object cut short")
def object_cut_short(place: Place) -> tuple[str, str]:
    return _object(place, 1000)


def _object(place: Place, size: int | None) -> tuple[str, str]:
    place.healthy()
    path = Path(place.host.objects["two"])
    whole = path.read_bytes()
    if size is None:
        path.unlink()
    else:
        path.write_bytes(whole[:size])
    said = place.met(place.host.present("two"))
    place.unharmed()
    path.write_bytes(whole)
    return said, place.met(place.host.present("two"))
