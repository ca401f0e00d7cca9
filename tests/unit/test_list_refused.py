# SPDX-License-Identifier: GPL-3.0-or-later

"""What the task of a list refuses, points out or mends: a controller or everybody trusted locked out, a wrong gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._clock import current_tick
from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect, pack
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel
from ansible_collections.vos.fastpath.tests.unit.list_tasks import CONTROLLER, gate_of, task, texts


def test_a_wrong_gate_is_mended(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    with kernel.host_map("list_gate") as gate:  # as if a task had been killed halfway
        gate.update(bytes(4), bytes(24))
    kernel.writes.clear()
    foretold = task(kernel, "allow", ["192.0.2.7"], check=True)
    assert kernel.writes == []
    result = task(kernel, "allow", ["192.0.2.7"])
    assert result == foretold
    assert (result["changed"], result["actions"]) == (True, ["correct the sizes that the program goes by"])
    assert _lists.read_gate(kernel) == gate_of(_lists.read(kernel))
    assert task(kernel, "allow", ["192.0.2.7"])["changed"] is False


def test_a_gate_of_an_older_version_is_not_wrong_for_what_it_can_not_say(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    kernel.outdate(kernel.pinned()["list_gate"], value_size=16)  # without the sizes of the lists
    assert task(kernel, "allow", ["192.0.2.7"])["changed"] is False
    with kernel.host_map("list_gate") as gate:
        gate.update(bytes(4), bytes(16))
    assert task(kernel, "allow", ["192.0.2.7"])["actions"] == ["correct the sizes that the program goes by"]
    assert task(kernel, "allow", ["192.0.2.7"])["changed"] is False


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("state", ["present", "exact"])
@pytest.mark.parametrize("entry", ["198.51.100.7", "198.51.100.0/24", "0.0.0.0/0"])
def test_the_controller_is_not_blocked_by_mistake(kernel: FakeKernel, entry: str, state: str, check: bool) -> None:
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        task(kernel, "block", ["192.0.2.7", entry], state, check)
    assert str(error.value) == (
        f"{entry}: the controller itself (198.51.100.7) would be blocked. "
        "Take it out, or set allow_controller=true if this is meant. Nothing was changed"
    )
    assert kernel.state() == before


@pytest.mark.parametrize(
    ("controller", "entry"),
    [
        ("2001:db8::7", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::/32"),
        ("2001:db8::7", "::/0"),
        ("fe80::7", "fe80::/10"),
        ("fe80::7", "fe80::7"),
    ],
)
@pytest.mark.parametrize("way", ["words", "packed", "file of the host"])
def test_nor_is_one_that_comes_by_ipv6_whichever_way_the_list_comes(kernel: FakeKernel, tmp_path: Path, controller: str, entry: str, way: str) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(f"192.0.2.7\n{entry},,a mistake\n")
    given = {
        "words": {"entries": ["192.0.2.7", entry]},
        "packed": {"packed": pack(collect(None, read_feed("feed", feed.read_text()), 0.0))},
        "file of the host": {"src": str(feed), "remote_src": True},
    }
    params = parameters("xdp_blocklist", state="exact", **given[way])
    with pytest.raises(FastpathError, match=f"^{entry}: the controller itself .{controller}. would be blocked. "):
        list_task("block", params, False, kernel, lambda: controller, gateways=list)
    assert kernel.pins == {}


def test_it_is_blocked_on_request_and_may_be_forgiven_trusted_or_out_of_date(kernel: FakeKernel, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("198.51.100.0/24,2001-01-01\n192.0.2.7,\n")
    assert task(kernel, "block", None, src=str(path))["added"] == ["192.0.2.7"]
    assert task(kernel, "block", [CONTROLLER], allow_controller=True)["added"] == [CONTROLLER]
    assert task(kernel, "block", [CONTROLLER], "absent")["removed"] == [CONTROLLER]
    assert task(kernel, "allow", [CONTROLLER])["added"] == [CONTROLLER]


def test_where_nobody_knows_the_controller_anybody_can_be_blocked(kernel: FakeKernel) -> None:
    params = parameters("xdp_blocklist", entries=["0.0.0.0/0"])
    assert list_task("block", params, False, kernel, lambda: None, gateways=list)["added"] == ["0.0.0.0/0"]


def test_a_gateway_that_would_be_blocked_is_pointed_out(kernel: FakeKernel) -> None:
    words = "the default gateway (203.0.113.1) is in it. If it translates addresses, all calls come from there and are dropped"
    task(kernel, "block", ["203.0.113.0/24"], warnings=[f"203.0.113.0/24: {words}"])
    task(kernel, "block", ["203.0.113.0/24"], "absent")
    task(kernel, "allow", ["203.0.113.0/24"])


def protect(kernel: FakeKernel, path: Path, stealth: tuple[str, ...]) -> None:
    chosen = Settings(stealth=stealth)
    attach(kernel, ["eth0"], Wanted(str(path), settings=chosen, allow_empty_allowlist=True), check=False)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("entries", "state"), [([], "exact"), (["192.0.2.7"], "absent")])
def test_the_last_trusted_source_is_not_taken_away_under_stealth(
    kernel: FakeKernel, filter_object: Path, entries: list[str], state: str, check: bool
) -> None:
    kernel.allow("192.0.2.7")
    kernel.block("192.0.2.8")
    kernel.run_foreign("br0", "generic")
    protect(kernel, filter_object, ("OPTIONS", "INVITE"))
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        task(kernel, "allow", entries, state, check)
    assert str(error.value) == (
        "entries: the allowlist would be empty (what has expired does not count), and eth0 drops INVITE, OPTIONS from everybody who is not on it. "
        "Keep an entry, or set allow_empty=true if this is meant. Nothing was changed"
    )
    assert kernel.state() == before
    assert task(kernel, "allow", entries, state, allow_empty=True)["size"] == 0


@pytest.mark.parametrize(("entries", "state"), [(["192.0.2.9"], "exact"), (["192.0.2.7"], "absent")])
def test_what_has_expired_is_no_trusted_source(kernel: FakeKernel, filter_object: Path, entries: list[str], state: str) -> None:
    kernel.allow("192.0.2.8", until=current_tick())
    kernel.allow("192.0.2.7")
    protect(kernel, filter_object, ("OPTIONS",))
    if state == "absent":
        with pytest.raises(FastpathError, match="the allowlist would be empty"):
            task(kernel, "allow", entries, state)
    else:
        assert task(kernel, "allow", entries, state)["size"] == 1, "somebody else is trusted instead"


def test_what_has_expired_may_always_go(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.allow("192.0.2.8", until=current_tick())
    protect(kernel, filter_object, ("OPTIONS",))
    assert task(kernel, "allow", [], "exact")["size"] == 0
    assert texts(kernel, "allow") == []


def test_it_may_be_taken_away_where_nothing_is_hidden(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.allow("192.0.2.7")
    protect(kernel, filter_object, ())
    assert task(kernel, "allow", [], "exact")["removed"] == ["192.0.2.7"]


def test_the_last_blocked_source_may_always_be_forgiven(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.block("192.0.2.7")
    protect(kernel, filter_object, ("OPTIONS",))
    assert task(kernel, "block", [], "exact")["removed"] == ["192.0.2.7"]


def test_an_allowlist_that_was_empty_before_may_stay_so(kernel: FakeKernel, filter_object: Path) -> None:
    protect(kernel, filter_object, ("OPTIONS",))
    assert task(kernel, "allow", [], "exact")["changed"] is False
