# SPDX-License-Identifier: GPL-3.0-or-later

"""What is attached, on the real kernel."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attached import query_xdp
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import prog_info
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING, attach
from ansible_collections.vos.fastpath.tests.unit.processes import message_of

pytestmark = pytest.mark.usefixtures("real_host")


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_what_is_attached(veth: str, bpf_object: Callable[[str], str], mode: str) -> None:
    ifindex = int(Path(f"/sys/class/net/{veth}/ifindex").read_text())
    assert query_xdp(ifindex) is None
    with BpfObject(bpf_object("filter")) as opened:
        fd = opened.load()
        attach(ifindex, mode, fd)
        assert query_xdp(ifindex) == (mode, prog_info(fd).id)
        attach(ifindex, mode, NOTHING, fd)
    assert query_xdp(ifindex) is None


def test_a_kernel_that_does_not_answer_is_not_taken_for_one_without_a_program() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))  # no socket can be opened
    try:
        with pytest.raises(OSError, match="Too many open files"):
            query_xdp(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_where_there_is_no_interface_nothing_is_attached() -> None:
    assert query_xdp(987654) is None


def test_asking_loads_no_library(collections_path: Path) -> None:
    name = "ansible_collections.vos.fastpath.plugins.module_utils._kernel"
    code = f"import {name} as found; found.query_xdp(1); print('libbpf' in open('/proc/self/maps').read())"
    assert message_of(code, collections_path) == "False"
