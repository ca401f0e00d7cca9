# SPDX-License-Identifier: GPL-3.0-or-later

"""vos-fastpath verify, restore, attach, detach and audit."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _command_change, _repairs, _restore
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note
from ansible_collections.vos.fastpath.plugins.module_utils._lock import locked
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import Refused
from ansible_collections.vos.fastpath.plugins.module_utils._plan import read_live
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.unit.commanding import Commander
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel


def test_verify_finds_nothing_where_nothing_drifted(commander: Commander) -> None:
    assert commander("verify") == (0, ["all is as it is to be"])
    assert commander("verify", "--repair") == (0, ["all is as it is to be"])
    assert commander.json("verify", "--repair") == {"repaired": [], "left": [], "expired": 0, "detached_by_hand": [], "repairs": {}, "last": None}


def test_verify_names_what_drifted_and_repairs_it_where_asked(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    commander.kernel.nics["eth0"].attached.clear()
    assert commander("verify") == (3, ["different: eth0: nothing is attached"])
    assert commander.kernel.attached(2) is None
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert commander("verify", "--repair") == (0, ["<4>repaired: eth0: nothing is attached"])
    assert commander.kernel.attached(2).ours
    assert commander.json("verify", "--repair")["repairs"] == {"program": 1}


def test_what_was_repaired_is_said_where_it_cannot_be_counted(commander: Commander) -> None:
    Path(_repairs.COUNTERS).parent.mkdir()
    Path(_repairs.COUNTERS).parent.chmod(0o777)
    commander.kernel.nics["eth0"].attached.clear()
    code, lines = commander("verify", "--repair")
    assert (code, lines[0]) == (3, "repaired: eth0: nothing is attached")
    assert lines[1].startswith("NOT as it is to be: counters: ") and "only root can write to" in lines[1]


def test_verify_leaves_another_program_where_it_is(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    foreign = commander.kernel.run_foreign("eth0", "native")
    words = f"<3>NOT as it is to be: eth0: program {foreign} (other) is attached, which is not ours"
    for options in ((), ("--repair",)):
        assert commander("verify", *options) == (3, [words])
    [left] = commander.json("verify")["left"]
    assert left["kind"] == "foreign"


def test_verify_says_what_expired(commander: Commander) -> None:
    commander.saved.local.record([Note("block", "192.0.2.9", True, 1.0)])
    from ansible_collections.vos.fastpath.plugins.module_utils import _lists

    current, prefix = _lists.read(commander.kernel), parse_prefix("192.0.2.9")
    wanted = {table: {prefix.key: 5} if table == prefix.table else {} for table in current}
    _lists.apply(commander.kernel, current, _lists.plan(current, wanted, "block", "present"))
    assert commander("verify", "--repair")[1] == ["1 entries had expired and were removed", "all is as it is to be"]
    assert Path(commander.saved.local.path).read_text() == ""


def test_restore_brings_back_what_is_named(commander: Commander) -> None:
    for nic in commander.kernel.nics.values():
        nic.attached.clear()
    assert commander("restore", "eth0") == (0, ["restored: eth0: nothing is attached"])
    assert commander("restore") == (0, ["restored: br0: nothing is attached"])
    del commander.kernel.nics["br0"]
    assert commander("restore", "br0", "--wait", "0.01") == (3, ["NOT as it is to be: br0: there is no such interface"])


def test_restore_waits_for_an_interface_that_is_late(commander: Commander) -> None:
    nic = commander.kernel.nics.pop("eth0")
    nic.attached.clear()
    timer = threading.Timer(0.15, lambda: commander.kernel.nics.update(eth0=nic))
    timer.start()
    assert commander("restore", "eth0", "--wait", "60") == (0, ["restored: eth0: nothing is attached"])
    timer.join()


def test_detached_by_hand_is_detached_until_it_is_attached(commander: Commander) -> None:
    code, lines = commander("detach", "eth0")
    assert (code, lines[0].startswith("detach program")) == (0, True)
    for call in (("verify", "--repair"), ("restore", "eth0")):
        assert commander(*call) == (0, ["eth0: NOT FILTERED, detached by hand; 'vos-fastpath attach' puts it back"]), "in the journal of each boot"
    assert commander.kernel.attached(2) is None
    assert commander("detach", "eth0") == (0, ["nothing of ours was attached"])
    assert commander("status")[0] == 3
    assert commander("attach", "eth0") == (0, ["eth0 is filtered"])
    assert (commander.kernel.attached(2).ours, commander.saved.local.notes()) == (True, {})
    commander("detach")
    assert (commander.kernel.attached(2), commander.kernel.attached(3)) == (None, None)
    assert commander("attach") == (0, ["br0 is filtered", "eth0 is filtered"])


def test_what_could_not_be_done_is_not_noted(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise Refused(16, "Device or resource busy")

    monkeypatch.setattr(commander.kernel, "attach", refuse)
    assert commander("detach", "eth0")[0] == 1
    assert commander.saved.local.notes() == {}
    monkeypatch.undo()


def test_attach_says_why_it_could_not(commander: Commander) -> None:
    commander("detach", "eth0")
    foreign = commander.kernel.run_foreign("eth0", "native")
    code, lines = commander("attach", "eth0")
    assert (code, lines) == (1, [f"NOT as it is to be: eth0: program {foreign} (other) is attached, which is not ours"])
    assert commander.saved.local.notes()["attached", "eth0"].value is False


def test_audit_is_switched_and_given_back_to_the_play(commander: Commander) -> None:
    def audited() -> list[bool]:
        return [read_live(commander.kernel, name).settings.audit for name in ("br0", "eth0")]

    assert commander("audit", "on")[0] == 0
    assert audited() == [True, True]
    assert [note.by != "" for note in commander.saved.local.notes().values()] == [True]
    assert commander("audit", "off") == (0, ["changed: %s: its settings are not those that are saved" % name for name in ("br0", "eth0")])
    assert (audited(), len(commander.saved.local.notes())) == ([False, False], 1)
    commander("audit", "managed")
    assert (audited(), commander.saved.local.notes()) == ([False, False], {})


def test_audit_is_switched_where_it_can_be_and_stays(commander: Commander) -> None:
    foreign = commander.kernel.run_foreign("eth0", "native")
    code, lines = commander("audit", "on")
    assert (code, lines[0]) == (3, "changed: br0: its settings are not those that are saved")
    assert lines[1:] == [f"NOT as it is to be: eth0: program {foreign} (other) is attached, which is not ours"]
    commander("verify", "--repair")
    assert read_live(commander.kernel, "br0").settings.audit, "a minute later it does not drop again"


def test_an_interface_that_is_not_there_keeps_nobody_from_detaching_and_attaching(commander: Commander) -> None:
    nic = commander.kernel.nics.pop("eth0")
    nic.attached.clear()
    code, lines = commander("detach")
    assert (code, lines[-1]) == (0, "eth0: there is no such interface; it stays without a filter when it comes")
    assert commander.kernel.attached(3) is None
    assert commander("detach", "eth0") == (0, lines[-1:])
    assert commander("attach") == (3, ["attached: br0: nothing is attached", "NOT as it is to be: eth0: there is no such interface"])
    assert [note.name for note in commander.saved.local.notes().values()] == ["eth0"], "br0 is looked after again"
    commander.kernel.nics["eth0"] = nic
    assert commander("attach") == (0, ["br0 is filtered", "eth0 is filtered"])


def test_nobody_waits_for_ever_behind_a_run_that_is_stuck(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_command_change, "LONG_PATIENCE", 0.1)
    with locked(_command_change.LOCK):
        assert commander("restore") == (1, [])
    assert f"lock: process {os.getpid()} (" in commander.errors and " still holds the lock after 0.1 s. See what it does" in commander.errors
    assert commander("restore")[0] == 0


def test_only_what_is_to_be_filtered_can_be_changed(commander: Commander, tmp_path: Path) -> None:
    for command in ("detach", "attach", "restore"):
        assert commander(command, "eth9") == (1, [])
        assert "eth9: it is not among the interfaces that are to be filtered. This host filters br0, eth0" in commander.errors
    commander.saved = Saved(str(tmp_path / "nothing"))
    assert commander("audit", "on") == (1, [])
    assert "interfaces: none is to be filtered on this host. Run the play" in commander.errors


def test_large_lists_are_compared_at_times_and_where_their_sizes_changed(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _restore.lists_are_due(commander.kernel), "they never were yet"
    _restore.lists_were_compared(commander.kernel, 0.4)
    assert _restore.lists_are_due(commander.kernel), "comparing was quick: the next time again"
    _restore.lists_were_compared(commander.kernel, 3.0)
    assert not _restore.lists_are_due(commander.kernel)
    with commander.kernel.host_map("hosts_v4") as table:
        table.delete(parse_prefix("192.0.2.1").key)
    assert commander("verify", "--repair") == (0, ["all is as it is to be"])
    assert commander("verify")[0] == 3, "who asks by hand is told"
    was = _restore._SHARE
    monkeypatch.setattr(_restore, "_SHARE", 0)
    assert commander("verify", "--repair")[1] == ["repaired: allowlist: its entries are not as they are to be: 1 missing"]
    monkeypatch.setattr(_restore, "_SHARE", was)
    _restore.lists_were_compared(commander.kernel, 3.0)
    with commander.kernel.host_map("list_gate") as gate:
        gate.update(bytes(4), bytes(24))
    assert _restore.lists_are_due(commander.kernel)
    Path(_restore.COMPARED).write_text("nonsense\n\n" + _restore._gate(commander.kernel))
    assert _restore.lists_are_due(commander.kernel)
    assert _restore._gate(FakeKernel()) == "none"
