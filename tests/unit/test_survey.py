# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of an interface before anything is attached there."""

from __future__ import annotations

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._survey import survey
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel


@pytest.fixture
def kernel(kernel: FakeKernel) -> FakeKernel:
    kernel.change("br0", kind="bridge")
    kernel.stack("br0", "eth0")
    return kernel


def test_an_interface_that_is_ready(kernel: FakeKernel) -> None:
    found = survey(kernel, "eth0")
    assert (found["expected_mode"], found["why"]) == ("native", "driver virtio_net advertises basic, redirect, rx-sg")
    assert (found["remedy"], found["problems"], found["protected_by"], found["xdp"]) == (None, [], [], None)
    assert (found["uppers"], found["resolves_to"]) == (["br0"], ["eth0"])


def test_an_interface_that_would_be_slower(kernel: FakeKernel) -> None:
    found = survey(kernel, "br0")
    assert (found["expected_mode"], found["remedy"], found["resolves_to"]) == ("generic", "Name what is below it, or set resolve=true", ["eth0"])


def test_a_program_of_somebody_else_is_in_the_way(kernel: FakeKernel) -> None:
    number = kernel.run_foreign("br0", "generic")
    assert survey(kernel, "br0")["xdp"] == {
        "mode": "generic", "prog_id": number, "name": "other", "tag": "f0" * 8, "ours": False, "link_id": None, "uptime": 3.5,
        "removal": "ip link set dev br0 xdpgeneric off",
    }  # fmt: skip
    [on_itself] = survey(kernel, "br0")["problems"]
    [above] = survey(kernel, "eth0")["problems"]
    assert on_itself.startswith(f"br0: program {number} (other,")
    assert above.startswith(f"eth0: on br0 above it is program {number} (other,")


def test_what_our_filter_is_on_or_below_is_protected(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    for name in ("eth0", "br0"):
        found = survey(kernel, name)
        assert (found["protected_by"], found["problems"]) == (["eth0"], [])
    assert survey(kernel, "lo")["protected_by"] == []


def test_what_nothing_is_below_resolves_to_nothing(kernel: FakeKernel) -> None:
    kernel.change("br0", lowers=())
    assert survey(kernel, "br0")["resolves_to"] == []


def test_without_libbpf_nothing_is_known_of_programs(kernel: FakeKernel) -> None:
    kernel.run_foreign("eth0", "native")
    found = survey(kernel, "eth0", with_programs=False)
    assert (found["xdp"], found["protected_by"], found["problems"], found["expected_mode"]) == (None, [], [], "native")
