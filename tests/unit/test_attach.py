# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing interfaces to the filter that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import INTERFACE_MAPS, MAPS, SETTINGS
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel, shown

AUDIT = Settings(audit=True)


def test_a_clean_interface_gets_the_filter_in_native_mode(kernel: FakeKernel, wanted: Wanted) -> None:
    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    assert outcome.actions == ("attach to eth0 (native)",)
    assert outcome.native_refused is None
    assert outcome.before.describe() == {"attached": False}
    assert outcome.after == shown(kernel, "eth0")
    assert outcome.after == {
        "attached": True,
        "mode": "native",
        "prog_id": kernel.attached(2).prog_id,
        "prog_name": "sip_logic",
        "tag": kernel.attached(2).tag,
        "ours": True,
        **Config()._asdict(),
        **Settings()._asdict(),
    }


def test_the_settings_are_there_before_the_first_packet(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    steps = [(what[0], what[1]) for what in kernel.writes]
    assert steps.index(("update", "xdp_settings")) < steps.index(("attach", "eth0"))


def test_its_maps_are_pinned(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    program = kernel.attached(2)
    assert {name: kernel.pins["if2/" + name] for name in (shape.name for shape in INTERFACE_MAPS)} == {
        shape.name: program.maps[shape.name] for shape in INTERFACE_MAPS
    }


def test_the_first_filter_goes_by_the_lists_that_are_made_later(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    kernel.allow("192.0.2.7")
    for ifindex in (2, 3):
        assert kernel.attached(ifindex).maps["hosts_v4"] == kernel.pins["hosts_v4"]
        assert kernel.attached(ifindex).maps["list_gate"] == kernel.pins["list_gate"]


def test_where_native_is_refused_auto_is_generic_and_says_why(kernel: FakeKernel, wanted: Wanted) -> None:
    [outcome] = attach(kernel, ["br0"], wanted, check=False)
    assert outcome.actions == ("attach to br0 (generic)",)
    assert outcome.native_refused == "Underlying driver does not support XDP in native mode"
    assert shown(kernel, "br0")["mode"] == "generic"


def test_a_second_run_changes_nothing(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    kernel.writes.clear()
    before = kernel.state()
    outcomes = attach(kernel, ["eth0", "br0"], wanted, check=False)
    assert [outcome.actions for outcome in outcomes] == [(), ()]
    assert kernel.writes == []
    assert kernel.state() == before


def test_a_new_version_replaces_the_old_in_place_and_keeps_its_maps(kernel: FakeKernel, wanted: Wanted, filter_object: Path) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = kernel.attached(2)
    filter_object.write_text("version 2")
    kernel.writes.clear()

    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    assert outcome.actions == (f"replace program {old.prog_id} (sip_logic, tag {old.tag}, native) on eth0 in place",)
    new = kernel.attached(2)
    assert new.tag != old.tag
    assert {name: new.maps[name] for name in MAPS} == {name: old.maps[name] for name in MAPS}
    assert [what for what in kernel.writes if what[0] == "attach"] == [("attach", "eth0", "native")]


def test_other_settings_change_nothing_but_the_settings(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    prog_id = kernel.attached(2).prog_id
    kernel.writes.clear()

    [outcome] = attach(kernel, ["eth0"], wanted._replace(settings=AUDIT), check=False)

    assert outcome.actions == ("change the settings of eth0",)
    assert kernel.writes == [("update", "xdp_settings", bytes(4))]
    assert outcome.after["audit"] is True
    assert kernel.attached(2).prog_id == prog_id


def test_another_mode_takes_the_old_program_off_first(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = kernel.attached(2)
    kernel.writes.clear()

    [outcome] = attach(kernel, ["eth0"], wanted._replace(mode="generic", settings=AUDIT), check=False)

    assert outcome.actions == (
        f"detach program {old.prog_id} (sip_logic, tag {old.tag}, native) from eth0, unfiltered until the next step",
        "attach to eth0 (generic)",
    )
    assert [what for what in kernel.writes if what[0] == "attach"] == [("attach", "eth0", "native"), ("attach", "eth0", "generic")]
    assert (outcome.after["mode"], outcome.after["audit"]) == ("generic", True)
    assert kernel.attached(2).maps["xdp_counters"] == old.maps["xdp_counters"]


def test_a_foreign_program_is_replaced_if_so_told(kernel: FakeKernel, wanted: Wanted) -> None:
    prog_id = kernel.run_foreign("eth0", "native")
    [outcome] = attach(kernel, ["eth0"], wanted._replace(force=True), check=False)
    assert outcome.before.describe()["ours"] is False
    assert outcome.actions == (f"replace program {prog_id} (other, tag {'f0' * 8}, native) on eth0 in place",)
    assert outcome.after["ours"] is True
    assert outcome.after["stealth"] == ("OPTIONS",)


def test_the_settings_are_there_before_a_foreign_program_goes(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("eth0", "native")
    attach(kernel, ["eth0"], wanted._replace(force=True), check=False)
    steps = [(what[0], what[1]) for what in kernel.writes]
    assert steps.index(("update", "xdp_settings")) < steps.index(("attach", "eth0"))


def test_an_object_that_an_earlier_task_of_the_play_would_build_has_no_tag_yet(
    kernel: FakeKernel, wanted: Wanted, filter_object: Path
) -> None:
    filter_object.unlink()
    [outcome] = attach(kernel, ["eth0"], wanted, check=True)
    assert outcome.actions == ("attach to eth0 (native)",)
    assert outcome.after == {
        "attached": True, "mode": "native", "prog_name": "sip_logic", "tag": "", "ours": True, **Config()._asdict(), **Settings()._asdict()
    }  # fmt: skip


@pytest.mark.parametrize(("name", "size"), [(".rodata", 24), ("xdp_settings", 20)])
def test_a_filter_of_another_version_is_replaced_whatever_it_says(kernel: FakeKernel, wanted: Wanted, name: str, size: int) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    table = kernel.tables[kernel.attached(2).maps[name]]
    table.shape, table.values = table.shape._replace(value_size=size), {bytes(4): b"\xff" * size}
    kernel.writes.clear()
    assert "ports" not in shown(kernel, "eth0")

    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    assert [action.partition(" ")[0] for action in outcome.actions] == ["replace", "carry"][: 1 + (name == "xdp_settings")]
    assert (outcome.after["ports"], outcome.after["stealth"]) == ((5060,), ("OPTIONS",))
    steps = [(what[0], what[1]) for what in kernel.writes]
    before = steps.index(("update", "xdp_settings")) < steps.index(("attach", "eth0"))
    assert before == (name == "xdp_settings"), "before the first packet, but not while the old one goes by them"
    assert detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)[0].after == {"attached": False}


def test_settings_that_nobody_can_have_chosen_are_set_anew(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    program = kernel.attached(2)
    settings = kernel.tables[program.maps["xdp_settings"]].values
    settings[bytes(4)] = b"\xff" * SETTINGS.size

    foretold = attach(kernel, ["eth0"], wanted, check=True)
    done = attach(kernel, ["eth0"], wanted, check=False)

    assert foretold == done
    assert done[0].actions == ("change the settings of eth0",)
    assert (settings[bytes(4)], kernel.attached(2)) == (wanted.settings.pack(), program)


def test_a_filter_of_another_version_can_be_taken_off(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    table = kernel.tables[kernel.attached(2).maps[".rodata"]]
    table.values = {bytes(4): bytes(24)}
    assert detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)[0].after == {"attached": False}


def test_counters_outlive_a_program_that_somebody_took_off(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    counters = kernel.attached(2).maps["xdp_counters"]
    kernel.nics["eth0"].attached.clear()
    attach(kernel, ["eth0"], wanted, check=False)
    assert kernel.attached(2).maps["xdp_counters"] == counters
