# SPDX-License-Identifier: GPL-3.0-or-later

"""A host is brought back to what is saved of it; what is somebody else's is reported and left alone."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _lists, _restore
from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._clock import seconds_of
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note
from ansible_collections.vos.fastpath.plugins.module_utils._plan import read_live
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix
from ansible_collections.vos.fastpath.plugins.module_utils._repairs import count_repairs, last_look, read_repairs
from ansible_collections.vos.fastpath.plugins.module_utils._restore import Report, bring_back
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, FakeKernel


@pytest.fixture
def protected(kernel: FakeKernel, saved: Saved, filter_object: Path) -> FakeKernel:
    """A host whose interfaces and lists Ansible made."""
    for name, entries in {"allow": ["192.0.2.1", "198.51.100.0/24"], "block": ["203.0.113.7"]}.items():
        list_task(name, parameters(f"xdp_{name}list", entries=entries, state="exact"), False, kernel, lambda: None, saved)
    attach_task(parameters("xdp_attach", interfaces=["br0", "eth0"], object=str(filter_object)), False, kernel, saved=saved)
    return kernel


def reboot(kernel: FakeKernel) -> FakeKernel:
    """The same host with nothing in its kernel."""
    fresh = FakeKernel()
    fresh.add_nic("eth0", 2)
    fresh.add_nic("br0", 3, {"native": NO_NATIVE})
    return fresh


def words(report: Report) -> tuple[list[str], list[str]]:
    return [str(each) for each in report.repaired], [str(each) for each in report.left]


def test_after_a_reboot_all_is_there_again_lists_first(protected: FakeKernel, saved: Saved) -> None:
    kernel = reboot(protected)
    before = bring_back(kernel, saved, check=True)
    assert kernel.writes == []
    report = bring_back(kernel, saved)
    assert words(report) == words(before) == (
        [
            "allowlist: its entries are not as they are to be: 2 missing",
            "blocklist: its entries are not as they are to be: 1 missing",
            "br0: nothing is attached",
            "eth0: nothing is attached",
        ],
        [],
    )  # fmt: skip
    assert [write[0] for write in kernel.writes].index("attach") > max(n for n, write in enumerate(kernel.writes) if write[1] == "hosts_v4")
    assert (read_live(kernel, "eth0").program.mode, read_live(kernel, "br0").program.mode) == ("native", "generic")
    assert _lists.sizes(_lists.read(kernel)) == {"allow": 2, "block": 1}
    assert bring_back(kernel, saved) == Report([], [])
    assert bring_back(protected, saved, check=True) == Report([], [])


def test_only_what_is_named_is_brought_back(protected: FakeKernel, saved: Saved) -> None:
    kernel = reboot(protected)
    report = bring_back(kernel, saved, ["eth0"])
    assert words(report)[0][2:] == ["eth0: nothing is attached"]
    assert kernel.attached(3) is None


def test_an_entry_goes_on_with_the_time_that_is_left(protected: FakeKernel, saved: Saved) -> None:
    now = time.time()
    saved.local.record([Note("block", "203.0.113.8", True, now + 100), Note("block", "203.0.113.9", True, now - 1)])
    saved.local.record([Note("block", "203.0.113.7", False)])
    kernel = reboot(protected)
    bring_back(kernel, saved)
    heads = _lists.read(kernel)["hosts_v4"]
    left = seconds_of(_lists.expires_of(heads[parse_prefix("203.0.113.8").key], "block")) - time.clock_gettime(time.CLOCK_MONOTONIC)
    assert 97 < left <= 100
    assert _lists.listed(_lists.read(kernel), "block")["hosts_v4"] == {parse_prefix("203.0.113.8").key}


def test_what_has_expired_is_removed_and_no_drift(protected: FakeKernel, saved: Saved) -> None:
    prefix, current = parse_prefix("203.0.113.8"), _lists.read(protected)
    wanted = {table: {prefix.key: 5} if table == prefix.table else {} for table in current}
    _lists.apply(protected, current, _lists.plan(current, wanted, "block", "present"))
    assert bring_back(protected, saved, check=True) == Report([], [], 1)
    assert bring_back(protected, saved) == Report([], [], 1)
    assert bring_back(protected, saved) == Report([], [], 0)


def test_lists_that_were_changed_behind_our_back_are_repaired(protected: FakeKernel, saved: Saved) -> None:
    protected.block("192.0.2.200")
    assert words(bring_back(protected, saved)) == (["blocklist: its entries are not as they are to be: 1 too many"], [])
    with protected.host_map("list_gate") as gate:
        gate.update(bytes(4), bytes(24))
    assert words(bring_back(protected, saved)) == (["lists: the sizes that the program goes by are wrong"], [])
    assert bring_back(protected, saved) == Report([], [])


def test_an_entry_that_was_lost_is_one_difference_though_sizes_are_wrong_then(protected: FakeKernel, saved: Saved) -> None:
    with protected.host_map("hosts_v4") as table:
        table.delete(parse_prefix("203.0.113.7").key)
    for check in (True, False):
        assert words(bring_back(protected, saved, check=check)) == (["blocklist: its entries are not as they are to be: 1 missing"], [])
    assert bring_back(protected, saved) == Report([], [])


def test_sizes_that_an_older_version_can_not_say_are_no_drift(protected: FakeKernel, saved: Saved) -> None:
    protected.outdate(protected.pinned()["list_gate"], value_size=16)
    assert bring_back(protected, saved) == Report([], [])


def test_a_filter_that_was_changed_behind_our_back_is_repaired(protected: FakeKernel, saved: Saved) -> None:
    protected.nics["eth0"].attached.clear()
    saved.local.record([Note("audit", "", True)])
    report = bring_back(protected, saved)
    assert words(report) == (["br0: its settings are not those that are saved", "eth0: nothing is attached"], [])
    assert read_live(protected, "eth0").settings.audit and read_live(protected, "br0").settings.audit


def test_generic_where_it_was_native_is_said_when_it_is_brought_back(protected: FakeKernel, saved: Saved) -> None:
    kernel = reboot(protected)
    kernel.nics["eth0"].refuses["native"] = NO_NATIVE  # the new kernel's driver
    repaired = words(bring_back(kernel, saved))[0]
    assert repaired[2:] == ["br0: nothing is attached", "eth0: nothing is attached; it is generic now, and was native when the play attached it"]
    assert bring_back(kernel, saved) == Report([], []), "auto allows it"


def test_generic_comes_back_generic_though_native_would_be_taken_at_boot(protected: FakeKernel, saved: Saved) -> None:
    """A bond without slaves yet takes native, and then no slave whose driver can't; a NIC takes it before its MTU is set, and then not that."""
    kernel = reboot(protected)
    del kernel.nics["br0"].refuses["native"]
    bring_back(kernel, saved)
    assert read_live(kernel, "br0").program.mode == "generic"
    assert bring_back(kernel, saved) == Report([], [])


def test_nothing_live_changes_its_mode_for_that(protected: FakeKernel, saved: Saved) -> None:
    nic = protected.nics["br0"]
    nic.attached = {"native": nic.attached["generic"]}
    saved.local.record([Note("audit", "", True)])
    bring_back(protected, saved)
    assert read_live(protected, "br0").program.mode == "native" and read_live(protected, "br0").settings.audit


def test_another_object_is_better_than_none_and_said(protected: FakeKernel, saved: Saved, filter_object: Path) -> None:
    filter_object.write_text("rebuilt")
    assert bring_back(protected, saved) == Report([], []), "a live filter is not replaced because of a file"
    kernel = reboot(protected)
    report = bring_back(kernel, saved, ["eth0"])
    assert "eth0: nothing is attached; the object is not the one that was applied last" in words(report)[0]
    assert saved.interfaces()["eth0"].tag == kernel.attached(2).tag
    assert bring_back(kernel, saved, ["eth0"]) == Report([], [])


def test_what_cannot_be_written_down_keeps_no_other_interface_from_its_filter(
    protected: FakeKernel, saved: Saved, filter_object: Path
) -> None:
    filter_object.write_text("rebuilt")
    kernel = reboot(protected)
    os.chmod(saved.folder, 0o777)
    repaired, left = words(bring_back(kernel, saved))
    os.chmod(saved.folder, 0o755)
    assert (len(repaired), [line.partition(":")[0] for line in left]) == (4, ["br0", "eth0"])
    assert kernel.attached(2).ours and kernel.attached(3).ours


def test_what_is_not_ours_or_not_there_is_left(protected: FakeKernel, saved: Saved) -> None:
    foreign = protected.run_foreign("eth0", "native")
    del protected.nics["br0"]
    for check in (True, False):
        report = bring_back(protected, saved, check=check)
        assert words(report) == (
            [], ["br0: there is no such interface", f"eth0: program {foreign} (other) is attached, which is not ours"]
        )  # fmt: skip
    assert protected.attached(2).prog_id == foreign


def test_what_was_detached_by_hand_stays_so(protected: FakeKernel, saved: Saved) -> None:
    protected.nics["eth0"].attached.clear()
    saved.local.record([Note("attached", "eth0", False)])
    assert bring_back(protected, saved) == Report([], [], off=("eth0",)), "and nobody takes it for protected"
    assert protected.attached(2) is None


def test_what_cannot_be_repaired_says_why(protected: FakeKernel, saved: Saved, filter_object: Path) -> None:
    kernel = reboot(protected)
    filter_object.write_text("refused")
    _repaired, left = words(bring_back(kernel, saved))
    assert all("nothing is attached, and it can't be repaired: " in line for line in left) and len(left) == 2


def test_without_its_lists_no_filter_is_attached(protected: FakeKernel, saved: Saved) -> None:
    kernel = reboot(protected)
    Path(saved.path("allow.list")).write_text("nonsense\n")
    repaired, left = words(bring_back(kernel, saved))
    assert repaired == []
    assert left[0].startswith("lists: ") and "nonsense" in left[0]
    assert left[1:] == ["br0: nothing is attached", "eth0: nothing is attached"]
    assert kernel.attached(2) is None


def test_whoever_leaves_the_lists_out_attaches_nothing_before_they_are_known(protected: FakeKernel, saved: Saved) -> None:
    kernel, path = reboot(protected), Path(saved.path("allow.list"))
    whole = path.read_text()
    path.write_text("nonsense\n")
    for lists in (True, False):  # at boot, and then for a device that comes late
        assert "lists: " in words(bring_back(kernel, saved, ["eth0"], lists=lists))[1][0]
        assert kernel.attached(2) is None
    path.write_text(whole)
    assert words(bring_back(kernel, saved, ["eth0"], lists=False))[0][2:] == ["eth0: nothing is attached"]
    kernel.nics["eth0"].attached.clear()
    path.write_text("nonsense\n")
    assert words(bring_back(kernel, saved, ["eth0"], lists=False)) == (["eth0: nothing is attached"], []), "those in the kernel are right"


def test_a_host_on_which_nothing_can_be_noted_is_filtered_all_the_same(
    protected: FakeKernel, saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_restore, "COMPARED", "/nowhere/compared")
    kernel = reboot(protected)
    assert len(bring_back(kernel, saved, lists=False).repaired) == 4
    assert kernel.attached(2).ours


def test_settings_are_repaired_whatever_is_known_of_the_lists(protected: FakeKernel, saved: Saved) -> None:
    Path(saved.path("allow.list")).write_text("nonsense\n")
    saved.local.record([Note("audit", "", True)])
    repaired, left = words(bring_back(protected, saved))
    assert repaired == ["%s: its settings are not those that are saved" % name for name in ("br0", "eth0")]
    assert len(left) == 1 and read_live(protected, "eth0").settings.audit


def test_an_error_of_the_system_is_said_in_its_words(protected: FakeKernel, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(_restore._lists, "read", refuse)
    assert words(bring_back(protected, saved))[1] == ["lists: Operation not permitted (EPERM)"]


def test_repairs_are_counted_over_reboots(protected: FakeKernel, saved: Saved, tmp_path: Path) -> None:
    path = str(tmp_path / "var" / "drift.json")
    assert count_repairs([], path) == read_repairs(path) == {"repairs": {}, "last": None}
    kinds = [each.kind for each in bring_back(reboot(protected), saved).repaired]
    count_repairs(kinds, path)
    counters = count_repairs(kinds, path)
    assert counters["repairs"] == {"list": 4, "program": 4}
    assert read_repairs(path) == counters
    for broken in ("[]", "{", '{"repairs": {"list": "x"}}'):
        Path(path).write_text(broken)
        assert read_repairs(path)["repairs"] == {}


def test_lists_that_could_not_be_read_were_not_looked_at(tmp_path: Path) -> None:
    path = str(tmp_path / "var" / "drift.json")
    count_repairs(["program"], path, blind=True)
    assert last_look(path) == 0.0
    count_repairs([], path)
    seen = last_look(path)
    assert seen
    os.utime(path, (seen - 900, seen - 900))
    count_repairs(["program"], path, blind=True)
    assert (last_look(path), read_repairs(path)["repairs"]) == (pytest.approx(seen - 900), {"program": 2})
