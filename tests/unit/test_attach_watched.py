# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of the interface that the play's own connection comes in by."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import ARGUMENT_SPEC, attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, FakeKernel

CONTROLLER, OWN = "198.51.100.7", "192.0.2.1"
DEFAULTS = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
PORTS = Config((5080,))


@pytest.fixture
def careful(kernel: FakeKernel, wanted: Wanted) -> Wanted:
    """The play comes in by eth0."""
    kernel.ways[CONTROLLER] = "eth0"
    return wanted._replace(controller=CONTROLLER, rollback_after=30)


def test_such_a_change_waits_for_its_confirmation(kernel: FakeKernel, careful: Wanted) -> None:
    outcomes = attach(kernel, ["br0", "eth0"], careful, check=False)
    assert [outcome.rollback for outcome in outcomes] == ["token", "token"]
    assert kernel.waiting == {"token": (30, sorted(kernel.attached(ifindex).prog_id for ifindex in (2, 3)))}
    assert kernel.confirm("token") is None


@pytest.mark.parametrize(
    ("names", "change"),
    [
        (["br0"], {}),
        (["eth0"], {"rollback_after": 0}),
        (["eth0"], {"controller": None}),
        (["eth0"], {"controller": "203.0.113.7"}),
    ],
    ids=["another interface", "off", "no connection", "no way"],
)
def test_others_do_not(kernel: FakeKernel, careful: Wanted, names: list[str], change: dict[str, object]) -> None:
    [outcome] = attach(kernel, names, careful._replace(**change), check=False)
    assert (outcome.rollback, kernel.waiting) == (None, {})


def test_nor_do_settings_or_nothing_at_all_or_check_mode(kernel: FakeKernel, careful: Wanted) -> None:
    assert attach(kernel, ["eth0"], careful, check=True)[0].rollback is None
    attach(kernel, ["eth0"], careful._replace(rollback_after=0), check=False)
    assert attach(kernel, ["eth0"], careful, check=False)[0].rollback is None
    assert attach(kernel, ["eth0"], careful._replace(settings=Settings(audit=True)), check=False)[0].rollback is None
    assert kernel.waiting == {}


def test_a_change_below_the_connection_counts(kernel: FakeKernel, careful: Wanted) -> None:
    kernel.add_nic("eth0.7", 9)
    kernel.stack("eth0.7", "eth0")
    kernel.ways[CONTROLLER] = "eth0.7"
    assert attach(kernel, ["eth0"], careful, check=False)[0].rollback == "token"


def test_a_tunnel_may_go_by_what_changes(kernel: FakeKernel, careful: Wanted) -> None:
    kernel.add_nic("wg0", 9)
    kernel.change("wg0", kind="wireguard", ethernet=False)
    kernel.ways[CONTROLLER] = "wg0"
    assert attach(kernel, ["eth0"], careful, check=False)[0].rollback == "token"
    kernel.waiting.clear()
    assert attach(kernel, ["eth0"], careful, check=False)[0].rollback is None, "nothing changes"
    assert kernel.waiting == {}


def test_what_fails_waits_for_nothing(kernel: FakeKernel, careful: Wanted) -> None:
    kernel.nics["br0"].refuses.update(native=NO_NATIVE, generic=(12, "Out of memory"))
    with pytest.raises(FastpathError):
        attach(kernel, ["eth0", "br0"], careful, check=False)
    assert (kernel.waiting, kernel.attached(2)) == ({}, None)


def nobody_comes() -> None:
    """And nobody else changes anything meanwhile."""


@pytest.mark.parametrize("before", [None, {}, {"mode": "generic"}, {"settings": Settings(audit=True)}])
def test_without_confirmation_all_is_as_it_was(kernel: FakeKernel, careful: Wanted, before: dict[str, object] | None) -> None:
    kernel.allow("192.0.2.7")
    if before is not None:
        attach(kernel, ["eth0", "br0"], careful._replace(rollback_after=0, **before), check=False)
    there = kernel.state()
    kernel.before_expiry = nobody_comes
    attach(kernel, ["eth0", "br0"], careful._replace(config=PORTS), check=False)
    assert kernel.confirm("token") == "everything is as it was before"
    assert kernel.state() == there


def test_a_foreign_program_that_was_replaced_comes_back(kernel: FakeKernel, careful: Wanted) -> None:
    foreign = kernel.run_foreign("eth0", "native")
    kernel.before_expiry = nobody_comes
    attach(kernel, ["eth0"], careful._replace(force=True), check=False)
    assert kernel.attached(2).prog_id == foreign


def test_what_somebody_else_changed_meanwhile_is_left_so(kernel: FakeKernel, careful: Wanted) -> None:
    kernel.before_expiry = lambda: kernel.run_foreign("eth0", "native")
    attach(kernel, ["eth0", "br0"], careful, check=False)
    assert kernel.confirm("token") == "eth0 was changed by somebody else meanwhile, and left so"
    assert (kernel.attached(2).name, kernel.attached(3)) == ("other", None)


def test_what_somebody_took_off_meanwhile_stays_off(kernel: FakeKernel, careful: Wanted) -> None:
    attach(kernel, ["eth0"], careful._replace(rollback_after=0), check=False)
    kernel.before_expiry = kernel.nics["eth0"].attached.clear
    attach(kernel, ["eth0"], careful._replace(config=PORTS), check=False)
    assert kernel.attached(2) is None


def test_the_task_says_that_a_change_waits_and_takes_its_confirmation(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.ways[CONTROLLER] = "eth0"
    params = {**DEFAULTS, "interfaces": ["eth0"], "object": str(filter_object), "allow_empty_allowlist": True}
    result = attach_task({**params, "confirm": "later"}, False, kernel, lambda: CONTROLLER)
    assert result["rollback"] == {"token": "token"}
    assert attach_task({**params, "confirm": "token"}, False, kernel) == {"changed": False, "rolled_back": None}
    assert "rollback" not in attach_task({**params, "confirm": "later"}, False, kernel, lambda: CONTROLLER), "nothing changes"


def test_the_way_is_that_of_the_address_of_this_host_that_the_play_came_to(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.ways.update({CONTROLLER: "br0", (CONTROLLER, OWN): "eth0"})
    params = {**DEFAULTS, "interfaces": ["eth0"], "object": str(filter_object), "allow_empty_allowlist": True, "confirm": "later"}
    assert "rollback" in attach_task(params, False, kernel, lambda: CONTROLLER, own=lambda: OWN)


@pytest.mark.parametrize("given", [{}, {"confirm": "later", "rollback_after": 0}])
def test_there_is_no_timer_without_somebody_who_confirms(kernel: FakeKernel, filter_object: Path, given: dict[str, object]) -> None:
    kernel.ways[CONTROLLER] = "eth0"
    params = {**DEFAULTS, "interfaces": ["eth0"], "object": str(filter_object), "allow_empty_allowlist": True}
    assert "rollback" not in attach_task({**params, **given}, False, kernel, lambda: CONTROLLER)
    assert kernel.waiting == {}


def test_a_negative_time_is_refused(kernel: FakeKernel, filter_object: Path) -> None:
    params = {**DEFAULTS, "interfaces": ["eth0"], "object": str(filter_object), "rollback_after": -1}
    with pytest.raises(FastpathError) as error:
        attach_task(params, False, kernel)
    assert str(error.value) == "rollback_after: -1: it is a number of seconds. Use 30, or 0 for no timer"
