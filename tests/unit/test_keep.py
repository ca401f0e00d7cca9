# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules keep in step what is saved of the host, and say what becomes of what was changed by hand."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect, count
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._keep import InterfaceKeeper
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix
from ansible_collections.vos.fastpath.plugins.module_utils._restore import Report, bring_back
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, FakeKernel

HAND = Note("block", "203.0.113.9", True, 0.0, "scanner", "alice")
LET = Note("block", "192.0.2.1", False, by="alice")


def block(kernel: FakeKernel, saved: Saved, *entries: str, state: str = "exact", check: bool = False, **given: Any) -> dict[str, Any]:
    params = parameters("xdp_blocklist", entries=list(entries), state=state, **given)
    return list_task("block", params, check, kernel, lambda: None, saved)


def attach(kernel: FakeKernel, saved: Saved, path: Path, *names: str, check: bool = False, **given: Any) -> dict[str, Any]:
    params = parameters("xdp_attach", interfaces=list(names or ["eth0"]), object=str(path), allow_empty_allowlist=True, **given)
    return attach_task(params, check, kernel, saved=saved)


def blocked(kernel: FakeKernel) -> list[str]:
    found = _lists.listed(_lists.read(kernel), "block")
    return sorted(str(Prefix.from_key(table, key)) for table, keys in found.items() for key in keys)


def managed(saved: Saved) -> list[str]:
    return sorted(str(Prefix.from_key(table, key)) for table, keys in saved.entries("block").wanted.items() for key in keys)


def test_a_list_is_saved_as_it_is_managed(kernel: FakeKernel, saved: Saved) -> None:
    assert block(kernel, saved, "192.0.2.1", "192.0.2.2")["changed"]
    assert managed(saved) == ["192.0.2.1", "192.0.2.2"]
    block(kernel, saved, "192.0.2.3", state="present")
    block(kernel, saved, "192.0.2.1", state="absent")
    assert managed(saved) == blocked(kernel) == ["192.0.2.2", "192.0.2.3"]
    assert not block(kernel, saved, "192.0.2.2", "192.0.2.3")["changed"]


def test_what_has_expired_does_not_fill_the_disk(kernel: FakeKernel, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    for number in range(1, 4):  # what a task blocks for an hour, each hour another
        monkeypatch.setattr(time, "time", lambda number=number: now + 4000 * number)
        block(kernel, saved, f"192.0.2.{number}", state="present", expires=3600)
        assert managed(saved) == [f"192.0.2.{number}"]
    monkeypatch.setattr(time, "time", lambda: now + 40000)
    assert not block(kernel, saved, "192.0.2.9", state="absent")["changed"], "that something has expired is no change"


def test_a_list_that_only_has_to_be_saved_is_a_change(kernel: FakeKernel, saved: Saved) -> None:
    kernel.block("192.0.2.1")
    for check, changed in ((True, True), (False, True), (False, False), (True, False)):
        result = block(kernel, saved, "192.0.2.1", check=check)
        assert (result["changed"], result["actions"]) == (changed, ["save the list"] if changed else [])
    assert kernel.writes == []


def test_check_mode_saves_nothing(kernel: FakeKernel, saved: Saved, filter_object: Path) -> None:
    block(kernel, saved, "192.0.2.1", check=True)
    attach(kernel, saved, filter_object, check=True)
    assert (managed(saved), saved.interfaces()) == ([], {})


def test_what_the_kernel_refuses_is_not_saved(kernel: FakeKernel, saved: Saved, filter_object: Path) -> None:
    block(kernel, saved, "192.0.2.1")
    saved.local.record([HAND])
    kernel.memory = 0
    with pytest.raises(FastpathError):
        block(kernel, saved, "192.0.2.1", "192.0.2.2", local="remove")
    assert (managed(saved), saved.local.notes()) == (["192.0.2.1"], {HAND.key: HAND})
    kernel.memory = None
    kernel.run_foreign("eth0", "native")
    with pytest.raises(FastpathError, match="not ours"):
        attach(kernel, saved, filter_object)
    assert saved.interfaces() == {}


def test_what_was_changed_by_hand_stays_over_what_ansible_manages(kernel: FakeKernel, saved: Saved) -> None:
    saved.local.record([HAND, LET])
    result = block(kernel, saved, "192.0.2.1", "192.0.2.2")
    assert result["local"] == {"kept": ["block 203.0.113.9 (alice, scanner)", "unblock 192.0.2.1 (alice)"], "removed": []}
    assert (blocked(kernel), managed(saved)) == (["192.0.2.2", "203.0.113.9"], ["192.0.2.1", "192.0.2.2"])
    assert not block(kernel, saved, "192.0.2.1", "192.0.2.2")["changed"]


def test_what_was_changed_by_hand_is_taken_back_where_the_play_says_so(kernel: FakeKernel, saved: Saved) -> None:
    saved.local.record([HAND, LET, Note("allow", "203.0.113.9", True)])
    block(kernel, saved, "192.0.2.1")
    for check in (True, False):
        result = block(kernel, saved, "192.0.2.1", local="remove", check=check)
        assert result["local"]["removed"] == ["block 203.0.113.9 (alice, scanner)", "unblock 192.0.2.1 (alice)"]
        assert result["actions"] == ["add 192.0.2.1", "remove 203.0.113.9"]
    assert (blocked(kernel), list(saved.local.notes())) == (["192.0.2.1"], [("allow", "203.0.113.9")])


def test_a_task_that_names_an_entry_has_the_last_word_about_it(kernel: FakeKernel, saved: Saved) -> None:
    saved.local.record([HAND, LET])
    kernel.block("203.0.113.9")
    assert block(kernel, saved, "192.0.2.1", "203.0.113.9", state="present")["local"]["removed"] == ["unblock 192.0.2.1 (alice)"]
    assert block(kernel, saved, "203.0.113.9", state="absent")["local"]["removed"] == ["block 203.0.113.9 (alice, scanner)"]
    assert (blocked(kernel), saved.local.notes()) == (["192.0.2.1"], {})
    with pytest.raises(FastpathError, match=r"local: remove: it is about all of the list, and state=present is not\. Use state=exact"):
        block(kernel, saved, "192.0.2.1", state="present", local="remove")


def test_an_interface_is_saved_with_what_it_is_to_have(kernel: FakeKernel, saved: Saved, filter_object: Path) -> None:
    attach(kernel, saved, filter_object, "eth0", "br0", ports=[5080], rate_limit=7)
    found = saved.interfaces()
    assert set(found) == {"br0", "eth0"}
    assert (found["eth0"].config.ports, found["eth0"].settings.rate_limit, found["br0"].mode) == ((5080,), 7, "auto")
    assert found["eth0"].tag == kernel.attached(2).tag
    before = os.stat(saved.path("desired.json")).st_ino
    assert not attach(kernel, saved, filter_object, "eth0", "br0", ports=[5080], rate_limit=7)["changed"]
    assert os.stat(saved.path("desired.json")).st_ino == before
    filter_object.write_text("version 2")
    attach(kernel, saved, filter_object, ports=[5080], rate_limit=7)
    assert saved.interfaces()["eth0"].tag == kernel.attached(2).tag != found["eth0"].tag


def test_an_interface_that_is_attached_already_is_saved(kernel: FakeKernel, saved: Saved, filter_object: Path) -> None:
    attach(kernel, Saved("/nowhere"), filter_object)
    result = attach(kernel, saved, filter_object)
    assert (result["changed"], result["actions"]) == (True, ["save what the interfaces are to have"])
    assert not attach(kernel, saved, filter_object)["changed"]


def test_what_is_detached_is_wanted_no_more(kernel: FakeKernel, saved: Saved, filter_object: Path) -> None:
    attach(kernel, saved, filter_object, "eth0", "br0")
    block(kernel, saved, "192.0.2.1")
    saved.local.record([HAND, Note("attached", "eth0", False)])
    assert attach(kernel, saved, filter_object, state="absent")["local"]["removed"] == ["detach eth0"]
    assert (set(saved.interfaces()), managed(saved)) == ({"br0"}, ["192.0.2.1"])
    attach(kernel, saved, filter_object, "br0", state="absent", keep_lists=False)
    assert (saved.interfaces(), count(saved.entries("block").wanted), saved.local.notes()) == ({}, 0, {})


def test_audit_by_hand_stays_until_the_play_says_otherwise(kernel: FakeKernel, saved: Saved, filter_object: Path) -> None:
    saved.local.record([Note("audit", "", True, by="alice")])
    result = attach(kernel, saved, filter_object)
    assert (result["interfaces"]["eth0"]["audit"], result["local"]["kept"]) == (True, ["audit on (alice)"])
    assert saved.interfaces()["eth0"].settings.audit is False
    result = attach(kernel, saved, filter_object, local="remove")
    assert (result["interfaces"]["eth0"]["audit"], result["local"]["removed"]) == (False, ["audit on (alice)"])
    assert saved.local.notes() == {}


def test_what_was_detached_by_hand_is_attached_by_the_next_play(kernel: FakeKernel, saved: Saved, filter_object: Path) -> None:
    saved.local.record([Note("attached", "eth0", False, by="alice")])
    result = attach(kernel, saved, filter_object)
    assert (result["interfaces"]["eth0"]["attached"], result["local"]["removed"]) == (True, ["detach eth0 (alice)"])
    assert saved.local.notes() == {}


@pytest.mark.parametrize("resolve", [False, True])
def test_what_was_saved_of_an_interface_that_is_no_more_goes_too_with_a_warning(
    kernel: FakeKernel, saved: Saved, filter_object: Path, resolve: bool
) -> None:
    attach(kernel, saved, filter_object, "eth0", "br0")
    del kernel.nics["br0"]
    removed = attach(kernel, saved, filter_object, "eth0", "br0", state="absent", resolve=resolve)
    assert removed["warnings"] == ["br0: there is no such interface, and so no filter on it"]
    assert saved.interfaces() == {}
    assert not attach(kernel, saved, filter_object, "eth0", "br0", state="absent", resolve=resolve)["changed"]


@pytest.mark.parametrize("resolve", [False, True])
def test_of_an_interface_that_is_no_more_alone_too_since_it_is_known(kernel: FakeKernel, saved: Saved, filter_object: Path, resolve: bool) -> None:
    attach(kernel, saved, filter_object, "eth0", "br0")
    del kernel.nics["br0"]
    removed = attach(kernel, saved, filter_object, "br0", state="absent", resolve=resolve)
    assert removed["warnings"] == ["br0: there is no such interface, and so no filter on it"]
    assert list(saved.interfaces()) == ["eth0"]
    with pytest.raises(FastpathError, match="^br0: there is no such interface"):
        attach(kernel, saved, filter_object, "br0", state="absent", resolve=resolve)


def test_a_missing_object_has_no_digest(kernel: FakeKernel, saved: Saved, tmp_path: Path) -> None:
    assert attach(kernel, saved, tmp_path / "not built yet", check=True)["changed"]


def test_times_of_a_feed_are_saved(kernel: FakeKernel, saved: Saved, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("192.0.2.1,2099-01-01T00:00:00Z\n")
    block(kernel, saved, src=str(feed), remote_src=True)
    assert saved.entries("block").wanted == collect((), [("", "192.0.2.1", 4070908800.0, "")], 0.0).wanted
    assert not block(kernel, saved, src=str(feed), remote_src=True)["changed"]


def test_comments_are_saved_and_stay(kernel: FakeKernel, saved: Saved, tmp_path: Path) -> None:
    feed = tmp_path / "feed"
    feed.write_text("192.0.2.1 # the office\n")
    block(kernel, saved, src=str(feed), remote_src=True)
    feed.write_text("192.0.2.2 # the branch\n")
    block(kernel, saved, src=str(feed), remote_src=True, state="present")
    assert Path(saved.path("block.list")).read_text().splitlines()[1:] == ["192.0.2.1  # the office", "192.0.2.2  # the branch"]
    block(kernel, saved, "192.0.2.1", state="absent")
    assert Path(saved.path("block.list")).read_text().splitlines()[1:] == ["192.0.2.2  # the branch"]


def test_the_mode_that_a_play_attached_in_is_saved(kernel: FakeKernel, saved: Saved, filter_object: Path) -> None:
    attach(kernel, saved, filter_object)
    assert reached(saved) == {"eth0": "native"}
    kernel.nics["eth0"].attached = {"generic": kernel.attached(2).prog_id}  # brought about by others
    assert not attach(kernel, saved, filter_object)["changed"]
    assert reached(saved) == {"eth0": "native"}
    kernel.nics["eth0"].attached.clear()
    kernel.nics["eth0"].refuses["native"] = NO_NATIVE
    attach(kernel, saved, filter_object)
    assert reached(saved) == {"eth0": "generic"}


def reached(saved: Saved) -> dict[str, str]:
    return {name: each.reached for name, each in saved.interfaces().items()}


def test_a_device_that_carries_the_filter_for_another_is_saved_as_that(kernel: FakeKernel, saved: Saved) -> None:
    keeper = InterfaceKeeper(saved)
    keeper.want({"eth0": ["vlan7"], "br0": ["br0"]}, Wanted("/o"), "keep")
    with keeper.kept():
        pass
    assert {name: each.carries for name, each in saved.interfaces().items()} == {"eth0": ("vlan7",), "br0": ()}
    keeper = InterfaceKeeper(saved)
    keeper.drop({"vlan7": ["vlan7"]}, True)
    with keeper.kept():
        pass
    assert list(saved.interfaces()) == ["br0"]


CONTROLLER = "198.51.100.7"


@pytest.fixture
def careful(kernel: FakeKernel, saved: Saved, filter_object: Path) -> dict[str, Any]:
    """A change of the interface that the play comes in by: saved, and waiting for its confirmation."""
    attach(kernel, saved, filter_object, ports=[5060])
    kernel.ways[CONTROLLER] = "eth0"
    given = {"interfaces": ["eth0"], "object": str(filter_object), "allow_empty_allowlist": True, "ports": [5080], "confirm": "later"}
    return parameters("xdp_attach", **given)


def wanted_ports(saved: Saved) -> list[tuple[int, ...]]:
    return [each.config.ports for each in saved.interfaces().values()]


def test_what_is_confirmed_is_wanted_from_then_on(kernel: FakeKernel, saved: Saved, careful: dict[str, Any]) -> None:
    attach_task(careful, False, kernel, lambda: CONTROLLER, saved)
    kernel.nics["eth0"].attached.clear()
    assert bring_back(kernel, saved) == Report([], []), "nothing is drift while a play waits to see whether it gets through"
    assert attach_task({**careful, "confirm": "token"}, False, kernel, saved=saved)["rolled_back"] is None
    assert wanted_ports(saved) == [(5080,)]
    assert len(bring_back(kernel, saved).repaired) == 1


def test_what_was_undone_is_not_wanted_either(kernel: FakeKernel, saved: Saved, careful: dict[str, Any]) -> None:
    attach_task(careful, False, kernel, lambda: CONTROLLER, saved)
    kernel.undone = "everything is as it was before"
    bring_back(kernel, saved)
    assert wanted_ports(saved) == [(5060,)]
    assert bring_back(kernel, saved) == Report([], [])


def test_where_it_cannot_be_remembered_what_was_wanted_before_that_is_wanted_still(
    kernel: FakeKernel, saved: Saved, careful: dict[str, Any]
) -> None:
    os.mkdir(saved.path("before.json.new"))  # where it would be written
    with pytest.raises(FastpathError, match="before.json"):
        attach_task(careful, False, kernel, lambda: CONTROLLER, saved=saved)
    assert kernel.waiting, "nobody is going to confirm, and the timer puts it back"
    assert wanted_ports(saved) == [(5060,)], "and verify must not bring it back then"


def test_who_comes_too_late_learns_it_and_nothing_else_is_wanted(kernel: FakeKernel, saved: Saved, careful: dict[str, Any]) -> None:
    attach_task(careful, False, kernel, lambda: CONTROLLER, saved)
    kernel.undone = "everything is as it was before"
    result = attach_task({**careful, "confirm": "token"}, False, kernel, saved=saved)
    assert (result["rolled_back"], wanted_ports(saved)) == ("everything is as it was before", [(5060,)])


def test_a_later_change_takes_the_place_of_one_that_waits(
    kernel: FakeKernel, saved: Saved, filter_object: Path, careful: dict[str, Any]
) -> None:
    attach_task(careful, False, kernel, lambda: CONTROLLER, saved)
    attach(kernel, saved, filter_object, ports=[5090])
    kernel.waiting.clear()
    bring_back(kernel, saved)
    assert wanted_ports(saved) == [(5090,)]
