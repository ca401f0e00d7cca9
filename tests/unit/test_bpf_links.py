# SPDX-License-Identifier: GPL-3.0-or-later

"""The BPF link that holds a program, on the real kernel."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import attributes, bpf
from ansible_collections.vos.fastpath.plugins.module_utils._bpf_links import xdp_link
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted

_LINK_CREATE, _XDP = 28, 37  # BPF_LINK_CREATE, BPF_XDP


@pytest.fixture
def held(veth: str, bpf_object: Callable[[str], str]) -> Iterator[str]:
    """An interface whose program belongs to a BPF link, as libbpf makes them for who loads a skeleton."""
    ifindex = int(Path(f"/sys/class/net/{veth}/ifindex").read_text())
    with BpfObject(bpf_object("filter")) as opened:
        link = bpf(_LINK_CREATE, attributes("IIII", opened.load(), ifindex, _XDP, 0))
    yield veth
    os.close(link)


def test_a_program_that_a_link_holds(held: str) -> None:
    kernel = AttachingKernel()
    program = kernel.attached(kernel.interface(held).ifindex)
    assert program is not None
    link_id = xdp_link(kernel.interface(held).ifindex, program.prog_id)
    assert link_id is not None
    assert xdp_link(kernel.interface(held).ifindex, program.prog_id + 1000) is None
    assert xdp_link(kernel.interface(held).ifindex, program.prog_id, [987654, link_id]) == link_id, "one that is gone meanwhile"


def test_a_program_that_no_link_holds(veth: str) -> None:
    assert xdp_link(1, 1) is None


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_nobody_but_its_holder_can_replace_it(
    veth: str, bpf_object: Callable[[str], str], no_pins: None, force: bool, state: str
) -> None:
    kernel = AttachingKernel()
    interface = kernel.interface(veth)
    path = foreign(bpf_object)
    link = bpf(_LINK_CREATE, attributes("IIII", path, interface.ifindex, _XDP, 0))
    try:
        program = kernel.attached(interface.ifindex)
        assert program is not None
        assert program.link_id is not None
        if state == "absent" and not force:
            [left] = detach(kernel, [veth], force, keep_lists=True, check=False)
            assert (left.actions, left.after["ours"]) == ((), False)
        else:
            with pytest.raises(FastpathError) as error:
                if state == "present":
                    attach(kernel, [veth], Wanted(bpf_object("filter"), force=force, allow_empty_allowlist=True), check=False)
                else:
                    detach(kernel, [veth], force, keep_lists=True, check=False)
            assert f"held by BPF link {program.link_id} is attached, and it is not ours" in str(error.value)
            assert f"detach it (bpftool link detach id {program.link_id})" in str(error.value)
        assert kernel.attached(interface.ifindex).prog_id == program.prog_id
    finally:
        os.close(link)
        os.close(path)


def foreign(bpf_object: Callable[[str], str]) -> int:
    """Load somebody else's program and return its descriptor."""
    libbpf = ctypes.CDLL("libbpf.so.1")
    libbpf.bpf_object__open_file.restype = libbpf.bpf_object__find_program_by_name.restype = ctypes.c_void_p
    opened = ctypes.c_void_p(libbpf.bpf_object__open_file(bpf_object("foreign").encode(), None))
    assert libbpf.bpf_object__load(opened) == 0
    program = ctypes.c_void_p(libbpf.bpf_object__find_program_by_name(opened, b"sip_other"))
    kept = os.dup(libbpf.bpf_program__fd(program))
    libbpf.bpf_object__close(opened)
    return kept
