# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in the way of an attachment, on devices of the real kernel."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._preflight import outlook_of
from ansible_collections.vos.fastpath.tests.unit.conftest import ip
from ansible_collections.vos.fastpath.tests.unit.processes import message_of
from ansible_collections.vos.fastpath.tests.unit.test_attach_task import DEFAULTS

pytestmark = pytest.mark.usefixtures("no_pins")


@pytest.fixture
def wanted(bpf_object: Callable[[str], str]) -> Wanted:
    return Wanted(bpf_object("filter"), allow_empty_allowlist=True)


@pytest.fixture
def stack(veth: str, bridge: str) -> tuple[str, str]:
    """A NIC, and a bridge above it."""
    ip("link", "set", veth, "master", bridge)
    return veth, bridge


def put(path: str, program: str, interface: str, mode: str) -> None:
    """Attach a program as somebody else does, who has no idea of us."""
    libbpf = ctypes.CDLL("libbpf.so.1")
    libbpf.bpf_object__open_file.restype = libbpf.bpf_object__find_program_by_name.restype = ctypes.c_void_p
    opened = ctypes.c_void_p(libbpf.bpf_object__open_file(path.encode(), None))
    assert libbpf.bpf_object__load(opened) == 0
    found = ctypes.c_void_p(libbpf.bpf_object__find_program_by_name(opened, program.encode()))
    kernel = AttachingKernel()
    kernel.attach(kernel.interface(interface).ifindex, mode, libbpf.bpf_program__fd(found), NOTHING)
    libbpf.bpf_object__close(opened)


def refusal(names: list[str], wanted: Wanted) -> str:
    messages = []
    for check in (True, False):
        with pytest.raises(FastpathError) as error:
            attach(AttachingKernel(), names, wanted, check)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    return messages[0]


def test_a_program_on_the_bridge_keeps_the_kernel_from_changing_its_port(
    stack: tuple[str, str], wanted: Wanted, bpf_object: Callable[[str], str]
) -> None:
    port, bridge = stack
    put(bpf_object("foreign"), "sip_other", bridge, "generic")
    message = refusal([port], wanted)
    assert f"{port}: on {bridge} above it is program " in message
    assert f"(ip link set dev {bridge} xdpgeneric off)" in message
    ip("link", "set", "dev", bridge, "xdpgeneric", "off")
    assert attach(AttachingKernel(), [port], wanted, check=False)[0].actions == (f"attach to {port} (native)",)


def test_a_program_on_the_port_sees_the_packets_before_the_bridge(
    stack: tuple[str, str], wanted: Wanted, bpf_object: Callable[[str], str]
) -> None:
    port, bridge = stack
    put(bpf_object("foreign"), "sip_other", port, "native")
    message = refusal([bridge], wanted)
    assert f"{bridge}: on {port} below it is program " in message
    assert f"(ip link set dev {port} xdpdrv off)" in message
    assert attach(AttachingKernel(), [bridge], wanted._replace(force=True), check=False)[0].actions == (f"attach to {bridge} (generic)",)


def test_our_filter_is_not_put_on_two_levels(stack: tuple[str, str], wanted: Wanted) -> None:
    port, bridge = stack
    assert f"{bridge} lies above it" in refusal([bridge, port], wanted)
    attach(AttachingKernel(), [bridge], wanted, check=False)
    assert f"{port}: {bridge} above it carries our filter already" in refusal([port], wanted)
    detach(AttachingKernel(), [bridge], force=False, keep_lists=True, check=False)
    attach(AttachingKernel(), [port], wanted, check=False)
    assert f"{bridge}: {port} below it carries our filter already" in refusal([bridge], wanted)


def test_a_dispatcher_of_libxdp_is_called_by_its_name(veth: str, wanted: Wanted, bpf_object: Callable[[str], str]) -> None:
    put(bpf_object("dispatcher"), "xdp_dispatcher", veth, "native")
    message = refusal([veth], wanted)
    assert "(xdp_dispatcher, " in message
    assert f"Remove it (xdp-loader unload {veth} --all)" in message


def test_who_holds_an_interface_is_known_when_the_files_of_the_module_are_gone(
    veth: str, bpf_object: Callable[[str], str], collections_path: Path
) -> None:
    """As in the process that undoes a change, which outlives the module."""
    put(bpf_object("foreign"), "sip_other", veth, "native")
    code = f"""
import sys
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
kernel = AttachingKernel()
sys.modules["ansible_collections.vos.fastpath.plugins.module_utils"].__path__ = []
print(kernel.attached(kernel.interface({veth!r}).ifindex).name)
"""
    assert message_of(code, collections_path) == "sip_other"


@pytest.fixture
def macvlan(veth: str) -> Iterator[str]:
    ip("link", "add", "link", veth, "name", "macvlan0", "type", "macvlan")
    yield "macvlan0"
    subprocess.run(("ip", "link", "delete", "macvlan0"), check=False)


def test_the_port_of_a_bridge_carries_it_for_the_bridge(stack: tuple[str, str], wanted: Wanted) -> None:
    port, bridge = stack
    params = {**DEFAULTS, "interfaces": [bridge], "object": wanted.object_path, "allow_empty_allowlist": True, "resolve": True}
    foretold, done = attach_task(params, True), attach_task(params, False)
    assert foretold["actions"] == done["actions"] == [f"attach to {port} (native)"]
    assert (done["interfaces"][port]["carries"], done["interfaces"][port]["mode"]) == ([bridge], "native")
    assert attach_task(params, False)["changed"] is False
    gone = attach_task({**params, "state": "absent"}, False)
    assert (list(gone["interfaces"]), gone["interfaces"][port]["attached"]) == ([port], False)
    assert attach_task({**params, "state": "absent"}, False)["changed"] is False


def test_a_macvlan_device_is_generic_and_what_is_below_it_is_native(veth: str, macvlan: str, wanted: Wanted) -> None:
    params = {**DEFAULTS, "interfaces": [macvlan], "object": wanted.object_path, "allow_empty_allowlist": True}
    [there] = attach_task(params, False)["interfaces"].values()
    assert there["mode"] == "generic"
    assert there["notes"] == [
        f"native is not possible: it is a macvlan device and has no driver; its packets come from {veth}. Name what is below it, or set resolve=true"
    ]
    attach_task({**params, "state": "absent"}, False)
    done = attach_task({**params, "resolve": True}, False)
    assert (list(done["interfaces"]), done["interfaces"][veth]["mode"]) == ([veth], "native")


def test_a_tap_is_native(real_host: None, wanted: Wanted) -> None:
    ip("tuntap", "add", "tap0", "mode", "tap")
    try:
        assert outlook_of(AttachingKernel(), AttachingKernel().interface("tap0")).mode in ("native", "auto")
        assert attach(AttachingKernel(), ["tap0"], wanted, check=False)[0].after["mode"] == "native"
    finally:
        ip("link", "delete", "tap0")


@pytest.mark.parametrize(("mtu", "taken"), [(3506, True), (3507, False), (9000, False)])
def test_without_frags_a_veth_takes_so_much(veth: str, bpf_object: Callable[[str], str], mtu: int, taken: bool) -> None:
    """The limit that is told to operators of older kernels."""
    ip("link", "set", "veth1", "mtu", str(mtu))
    ip("link", "set", veth, "mtu", str(mtu))
    done = attach(AttachingKernel(), [veth], Wanted(bpf_object("no_frags"), allow_empty_allowlist=True), check=False)
    assert done[0].after["mode"] == ("native" if taken else "generic")
    detach(AttachingKernel(), [veth], force=False, keep_lists=False, check=False)


def test_what_loads_without_frags_is_refused_at_a_jumbo_mtu(veth: str, bpf_object: Callable[[str], str]) -> None:
    ip("link", "set", "veth1", "mtu", "9000")
    ip("link", "set", veth, "mtu", "9000")
    with pytest.raises(FastpathError, match="veth: Peer MTU is too large to set XDP. Lower the MTU, or use mode=generic"):
        attach(AttachingKernel(), [veth], Wanted(bpf_object("no_frags"), "native", allow_empty_allowlist=True), check=False)
    assert AttachingKernel().attached(AttachingKernel().interface(veth).ifindex) is None


@pytest.mark.parametrize("kind", ["vlan", "bond"])
def test_kinds_that_this_kernel_may_lack(veth: str, wanted: Wanted, kind: str) -> None:
    words = {"vlan": ("link", veth, "name", "new0", "type", "vlan", "id", "100"), "bond": ("name", "new0", "type", "bond", "mode", "active-backup")}
    if subprocess.run(("ip", "link", "add", *words[kind]), capture_output=True, check=False).returncode:
        pytest.skip(f"this kernel has no devices of the type {kind}")
    try:
        if kind == "bond":
            ip("link", "set", veth, "down")
            ip("link", "set", veth, "master", "new0")
        params = {**DEFAULTS, "interfaces": ["new0"], "object": wanted.object_path, "allow_empty_allowlist": True, "resolve": True}
        [(carrier, found)] = attach_task(params, False)["interfaces"].items()
        assert (carrier, found["mode"]) == (("new0" if kind == "bond" else veth), "native")
        assert attach_task(params, False)["changed"] is False
        attach_task({**params, "state": "absent"}, False)
    finally:
        ip("link", "delete", "new0")


@pytest.fixture
def tunnel() -> Iterator[str]:
    """A device without Ethernet."""
    ip("tuntap", "add", "mode", "tun", "name", "vosu-tun")
    yield "vosu-tun"
    ip("tuntap", "del", "mode", "tun", "name", "vosu-tun")


def test_a_device_without_ethernet_is_refused(tunnel: str, wanted: Wanted) -> None:
    assert refusal([tunnel], wanted).startswith(f"{tunnel}: its packets have no Ethernet header (kind tun)")
