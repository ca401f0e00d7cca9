# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_attach: its parameters, and its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import METHODS
from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import ARGUMENT_SPEC, attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

SANE = "A sane limit is 100, with a burst of 1000"
DEFAULTS = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}


@pytest.fixture
def params(filter_object: Path) -> dict[str, Any]:
    return {**DEFAULTS, "interfaces": ["eth0"], "object": str(filter_object), "allow_empty_allowlist": True}


def test_two_interfaces_are_protected(kernel: FakeKernel, params: dict[str, Any]) -> None:
    result = attach_task({**params, "interfaces": ["eth0", "br0"]}, False, kernel)

    assert result["changed"] is True
    assert result["actions"] == ["attach to eth0 (native)", "attach to br0 (generic)"]
    assert result["interfaces"]["br0"] == {
        "ifindex": 3,
        "driver": "virtual",
        "attached": True,
        "mode": "generic",
        "prog_id": kernel.attached(3).prog_id,
        "prog_name": "sip_logic",
        "tag": kernel.attached(3).tag,
        "ours": True,
        "ports": (5060,),
        "af_xdp": True,
        "stealth": ("OPTIONS",),
        "malformed": "untrusted",
        "audit": False,
        "rate_limit": 0,
        "rate_burst": 1000,
        "native_refused": "Underlying driver does not support XDP in native mode",
        "actions": ["attach to br0 (generic)"],
        "carries": ["br0"],
        "notes": ["native is not possible: driver virtual advertises no native XDP"],
    }
    assert result["interfaces"]["eth0"]["native_refused"] is None
    assert result["diff"]["before"] == {"eth0": {"attached": False}, "br0": {"attached": False}}
    assert result["diff"]["after"]["eth0"]["mode"] == "native"


def test_a_second_run_changes_nothing(kernel: FakeKernel, params: dict[str, Any]) -> None:
    attach_task(params, False, kernel)
    kernel.writes.clear()
    result = attach_task(params, False, kernel)
    assert (result["changed"], result["actions"], kernel.writes) == (False, [], [])
    assert result["diff"]["before"] == result["diff"]["after"]


def test_an_interface_named_twice_is_one(kernel: FakeKernel, params: dict[str, Any]) -> None:
    assert attach_task({**params, "interfaces": ["eth0", "eth0"]}, False, kernel)["actions"] == ["attach to eth0 (native)"]


def test_it_is_taken_off(kernel: FakeKernel, params: dict[str, Any]) -> None:
    attach_task(params, False, kernel)
    result = attach_task({**params, "state": "absent", "keep_lists": False}, False, kernel)
    assert result["changed"] is True
    assert result["actions"][1:] == ["unpin the maps of eth0", "remove the lists"]
    assert result["interfaces"]["eth0"] == {
        "ifindex": 2, "driver": "virtio_net", "attached": False, "native_refused": None, "actions": result["actions"],
        "carries": ["eth0"], "notes": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("ports", [5080, 5060, 5080], (5060, 5080)),
        ("af_xdp", False, False),
        ("stealth", ["invite", "Options"], ("INVITE", "OPTIONS")),
        ("stealth", [], ()),
        ("malformed", "all", "all"),
        ("audit", True, True),
        ("rate_limit", 50, 50),
        ("rate_burst", 77, 77),
        ("mode", "generic", "generic"),
    ],
)
def test_every_choice_reaches_the_kernel(kernel: FakeKernel, params: dict[str, Any], name: str, value: Any, shown: Any) -> None:
    result = attach_task({**params, name: value}, False, kernel)
    assert result["interfaces"]["eth0"][name] == shown
    assert attach_task({**params, name: value}, False, kernel)["changed"] is False


def test_force_reaches_the_kernel(kernel: FakeKernel, params: dict[str, Any]) -> None:
    kernel.run_foreign("eth0", "native")
    with pytest.raises(FastpathError, match="it is not ours"):
        attach_task(params, False, kernel)
    assert attach_task({**params, "force": True}, False, kernel)["interfaces"]["eth0"]["ours"] is True
    kernel.run_foreign("eth0", "native")
    assert attach_task({**params, "force": True, "state": "absent"}, False, kernel)["interfaces"]["eth0"]["attached"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("interfaces", [], "interfaces: the list is empty. Name the interfaces that SIP arrives on"),
        ("interfaces", ["eth9"], "eth9: there is no such interface. This host has: br0, eth0, lo"),
        ("ports", [0], "ports: 0: a UDP port is from 1 to 65535. Name the ports SIP arrives on"),
        ("ports", [65536], "ports: 65536: a UDP port is from 1 to 65535. Name the ports SIP arrives on"),
        ("ports", [], "ports: there are 0, and it takes 1 to 8. Name the ports SIP arrives on"),
        ("ports", list(range(1, 10)), "ports: there are 9, and it takes 1 to 8. Name the ports SIP arrives on"),
        ("stealth", ["OPTIONZ"], "stealth: OPTIONZ: it is no registered SIP method. Use all, other, or of " + ", ".join(METHODS[1:])),
        ("rate_limit", -1, "rate_limit: -1: it has to be a number of requests from 0 to 4294967295. " + SANE),
        ("rate_burst", 1 << 32, "rate_burst: 4294967296: it has to be a number of requests from 0 to 4294967295. " + SANE),
    ],
)
def test_bad_input_is_refused_before_anything_is_changed(
    kernel: FakeKernel, params: dict[str, Any], name: str, value: Any, message: str, check: bool, state: str
) -> None:
    attach_task(params, False, kernel)
    kernel.writes.clear()
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        attach_task({**params, "state": state, name: value}, check, kernel)
    assert str(error.value) == message
    assert (kernel.state(), kernel.writes) == (before, [])


def test_a_burst_of_nothing_is_refused(kernel: FakeKernel, params: dict[str, Any]) -> None:
    with pytest.raises(FastpathError) as error:
        attach_task({**params, "rate_limit": 10, "rate_burst": 0}, False, kernel)
    assert str(error.value) == "rate_burst: 0: with a rate limit it would drop every request. A sane burst is 1000"
    assert kernel.writes == []
