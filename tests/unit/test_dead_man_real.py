# SPDX-License-Identifier: GPL-3.0-or-later

"""The timer on the real kernel: what was attached comes off again, or what was there before comes back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import ARGUMENT_SPEC, attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._dead_man import LOCK, STATE
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._lock import locked
from ansible_collections.vos.fastpath.tests.unit.conftest import ip

CONTROLLER = "198.51.100.7"
DEFAULTS = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}


@pytest.fixture
def params(built: str, no_pins: None, veth: str) -> dict[str, Any]:
    """The play comes in by the interface."""
    ip("address", "add", "198.51.100.1/24", "dev", veth)
    return {**DEFAULTS, "interfaces": [veth], "object": built, "allow_empty_allowlist": True, "confirm": "later", "rollback_after": 1}


def change(params: dict[str, Any]) -> str:
    """Do it as a module does, and return the token."""
    with locked(LOCK):
        return str(attach_task(params, False, controller=lambda: CONTROLLER)["rollback"]["token"])


def came_to_nothing(token: str) -> str:
    """Wait until it is undone, and return the words."""
    while "undone" not in Path(STATE).read_text():
        time.sleep(0.05)
    return str(attach_task({**DEFAULTS, "interfaces": ["lo"], "confirm": token}, False)["rolled_back"])


def test_a_first_filter_comes_off_again(params: dict[str, Any], veth: str) -> None:
    assert came_to_nothing(change(params)) == "everything is as it was before"
    kernel = AttachingKernel()
    assert kernel.attached(kernel.interface(veth).ifindex) is None
    assert not kernel.is_pinned()


def test_the_filter_of_before_comes_back_with_its_maps(params: dict[str, Any], veth: str) -> None:
    kernel = AttachingKernel()
    attach_task({**params, "confirm": None, "mode": "generic"}, False)
    ifindex = kernel.interface(veth).ifindex
    before, pins = kernel.attached(ifindex), kernel.pinned(ifindex)
    assert came_to_nothing(change({**params, "mode": "native", "ports": [5080]})) == "everything is as it was before"
    after = kernel.attached(ifindex)
    assert (after.prog_id, after.mode, after.maps, kernel.pinned(ifindex)) == (before.prog_id, "generic", before.maps, pins)


def test_what_is_confirmed_stays(params: dict[str, Any], veth: str) -> None:
    token = change(params)
    assert attach_task({**params, "confirm": token}, False) == {"changed": False, "rolled_back": None}
    assert not Path(STATE).exists()
    assert AttachingKernel().attached(AttachingKernel().interface(veth).ifindex).mode == "native"
