# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_host: what it installs is there once, and goes without a trace."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _zipapp
from ansible_collections.vos.fastpath.plugins.module_utils._entries import count
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._host_task import Places, host_task
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.plugins.module_utils._systemd import Systemd
from ansible_collections.vos.fastpath.plugins.module_utils._units import unit_files
from ansible_collections.vos.fastpath.plugins.module_utils._units_more import COMPARISON
from ansible_collections.vos.fastpath.tests.unit.documents import parameters, returned
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

SOURCES = {"__main__.py": "print('hello')\n"}


class FakeSystemd(Systemd):
    """Has its links in a folder, as the real one."""

    def __init__(self, folder: Path, runs: bool = True) -> None:
        self.folder = folder
        self.calls: list[tuple[str, ...]] = []
        self._active: set[str] = set()
        self._runs = runs

    def runs(self) -> bool:
        return self._runs

    def _link(self, unit: str) -> Path:
        return self.folder / "multi-user.target.wants" / unit

    def enabled(self, units: Sequence[str]) -> list[str]:
        return [unit for unit in units if os.path.lexists(self._link(unit))]

    def active(self, units: Sequence[str]) -> list[str]:
        return [unit for unit in units if unit in self._active]

    def reload(self) -> None:
        self.calls.append(("reload",))

    def enable(self, units: Sequence[str]) -> None:
        self._link("").mkdir(parents=True, exist_ok=True)
        for unit in units:
            self._link(unit).symlink_to("/nowhere")

    def disable(self, units: Sequence[str]) -> None:
        for unit in units:
            self._link(unit).unlink()
        if not os.listdir(self._link("")):
            self._link("").rmdir()

    def restart(self, units: Sequence[str]) -> None:
        self.calls.append(("restart", *units))
        self._active |= set(units)

    def stop(self, units: Sequence[str]) -> None:
        for unit in units:
            assert unit in self._active or (self.folder / unit).exists(), f"systemctl stops no unit that is not loaded: {unit}"
        self.calls.append(("stop", *units))
        self._active -= set(units)

    def forget(self, pattern: str) -> None:
        self.calls.append(("forget", pattern))


class Host:
    """A host whose folders are the test's own."""

    def __init__(self, folder: Path, kernel: FakeKernel) -> None:
        self.root = folder
        self.kernel = kernel
        self.saved = Saved(str(folder / "vos-fastpath"))
        for name in ("sbin", "units", "var"):
            (folder / name).mkdir(mode=0o755)
        self.places = Places(
            str(folder / "sbin" / "vos-fastpath"),
            str(folder / "man" / "vos-fastpath.8"),
            str(folder / "bash" / "vos-fastpath"),
            str(folder / "zsh" / "_vos-fastpath"),
            str(folder / "units"),
            str(folder / "var" / "drift.json"),
            str(folder / "run"),
            str(folder / "compared"),
        )
        self.systemd = FakeSystemd(folder / "units")

    def __call__(self, check: bool = False, **given: Any) -> dict[str, Any]:
        packed = None if given.get("state") == "absent" else _zipapp.pack(SOURCES)
        params = parameters("xdp_host", **{"packed": packed, **given})
        return host_task(params, check, self.kernel, self.saved, self.systemd, self.places)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}


@pytest.fixture
def host(tmp_path: Path, kernel: FakeKernel) -> Host:
    (tmp_path / "host").mkdir()
    return Host(tmp_path / "host", kernel)


def test_it_is_installed_once(host: Host) -> None:
    before = host.files()
    tried = host(check=True, interfaces=["eth0", "br-sip"])
    assert (tried["changed"], host.files(), host.systemd.calls) == (True, before, [])
    done = host(interfaces=["eth0", "br-sip"])
    assert done == tried
    assert "install " + host.places.command in done["actions"]
    assert "enable vos-fastpath@br\\x2dsip.service" in done["actions"]
    assert host.saved.installed()
    assert os.stat(host.places.command).st_mode & 0o777 == 0o755
    assert host.systemd.calls == [("reload",), ("restart", "vos-fastpath-verify.timer", "vos-fastpath-watch.service")]
    for check in (True, False):
        assert host(check=check, interfaces=["eth0", "br-sip"]) == {**done, "changed": False, "actions": [], "diff": {"before": "", "after": ""}}


def test_an_interface_that_is_gone_from_the_play_has_no_unit(host: Host) -> None:
    host(interfaces=["eth0", "eth1"])
    assert host(interfaces=["eth1"])["actions"] == ["disable vos-fastpath@eth0.service"]
    assert host.systemd.enabled(["vos-fastpath@eth0.service", "vos-fastpath@eth1.service"]) == ["vos-fastpath@eth1.service"]


def test_a_unit_that_changed_is_started_anew(host: Host) -> None:
    host()
    host.systemd.calls.clear()
    assert host(verify_interval=600)["actions"] == ["install the unit vos-fastpath-verify.timer", "start vos-fastpath-verify.timer"]
    assert host.systemd.calls == [("reload",), ("restart", "vos-fastpath-verify.timer")]


def test_a_command_that_changed_is_used_by_what_runs(host: Host) -> None:
    host()
    Path(host.places.command).write_text("broken")
    host.systemd.calls.clear()
    assert host()["actions"] == ["install " + host.places.command, "start vos-fastpath-watch.service"]
    assert host.systemd.calls == [("restart", "vos-fastpath-watch.service")]


def test_lists_that_are_there_already_are_adopted(host: Host) -> None:
    host.kernel.allow("192.0.2.1", "198.51.100.0/24")
    params = parameters("xdp_blocklist", entries=["192.0.2.9"], expires=3600)
    list_task("block", params, False, host.kernel, lambda: None, Saved("/nowhere"))
    host()
    assert (count(host.saved.entries("allow").wanted), count(host.saved.entries("block").wanted)) == (2, 1)
    assert all(host.saved.entries("block").wanted["hosts_v4"].values())


def test_metrics_and_hook_come_and_go(host: Host) -> None:
    plain = host()
    before = host.files()
    file = host.root / "metrics" / "vos_fastpath.prom"
    file.parent.mkdir(mode=0o755)
    wanted = {"metrics_file": str(file), "hook": True, "hook_group": "adm"}
    tried = host(check=True, **wanted)
    done = host(**wanted)
    assert (done, host(**wanted)["changed"]) == (tried, False)
    assert [action for action in done["actions"] if not action.startswith("install")] == [
        "enable vos-fastpath-metrics.timer", "enable vos-fastpath-hook.socket", "start vos-fastpath-metrics.timer", "start vos-fastpath-hook.socket"
    ]  # fmt: skip
    file.write_text("vos_fastpath_attached 1\n")
    tried = host(check=True)
    assert file.exists()
    assert host() == tried
    assert "disable vos-fastpath-hook.socket" in tried["actions"]
    assert f"remove {file}" in tried["actions"]
    assert host.files() == before | {"metrics"}
    assert plain["changed"]


def test_metrics_that_are_written_elsewhere_are_not_left_behind(host: Host) -> None:
    old, new = host.root / "old.prom", host.root / "new.prom"
    host(metrics_file=str(old))
    old.write_text("vos_fastpath_attached 1\n")
    assert f"remove {old}" in host(metrics_file=str(new))["actions"]
    assert not old.exists()


def test_a_hook_that_runs_is_started_anew_with_what_changed(host: Host) -> None:
    host(hook=True)
    assert "restart vos-fastpath-hook.service" not in host(hook=True, hook_max_seconds=60)["actions"], "it does not run"
    host.systemd.restart(["vos-fastpath-hook.service"])
    host.systemd.calls.clear()
    tried = host(check=True, hook=True, hook_max_seconds=90)
    assert host.systemd.calls == []
    assert host(hook=True, hook_max_seconds=90) == tried
    assert tried["actions"] == ["install the unit vos-fastpath-hook.service", "restart vos-fastpath-hook.service"]
    assert host.systemd.calls == [("reload",), ("restart", "vos-fastpath-hook.service")]


def test_metrics_and_hook_are_removed_with_the_rest(host: Host) -> None:
    before = host.files()
    file = host.root / "vos_fastpath.prom"
    host(hook=True, metrics_file=str(file))
    file.write_text("vos_fastpath_attached 1\n")
    (host.root / "run").mkdir()
    host(state="absent")
    assert host.files() == before - {"var"}
    host.systemd = FakeSystemd(host.root / "units", runs=False)
    host(hook=True)
    host(state="absent")
    assert not [path for path in host.files() if "hook" in path]
    assert host.systemd.calls == []


def test_units_that_are_not_enabled_go_too(host: Host) -> None:
    host(hook=True)
    host.systemd.disable(["vos-fastpath-hook.socket"])
    assert "remove the unit vos-fastpath-hook.socket" in host()["actions"]
    host.systemd.disable(["vos-fastpath-verify.timer", "vos-fastpath-watch.service"])
    assert not [action for action in host(state="absent")["actions"] if action.startswith("disable")]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_a_comparison_run_left_is_not_to_undo_what_came_later(host: Host, state: str) -> None:
    host()
    for name in COMPARISON:
        (host.root / "units" / name).write_text("")
    host.systemd.enable(["vos-fastpath-comparison.service"])
    assert "remove the unit vos-fastpath-comparison.timer" in host(state=state)["actions"]
    assert ("stop", *COMPARISON) in host.systemd.calls
    assert not [path for path in host.files() if "comparison" in path]
    assert not host(state=state)["changed"]


@pytest.mark.parametrize(
    ("by_hand", "stopped"),
    [
        pytest.param(["vos-fastpath-verify.timer"], ["vos-fastpath-verify.timer", "vos-fastpath-watch.service", "vos-fastpath-verify.service"], id="runs"),
        pytest.param(["vos-fastpath-verify.service"], ["vos-fastpath-verify.timer", "vos-fastpath-watch.service"], id="does not run"),
    ],
)
def test_a_unit_that_was_removed_by_hand_does_not_stop_the_removal(host: Host, by_hand: list[str], stopped: list[str]) -> None:
    before = host.files()
    host()
    for name in by_hand:
        (host.root / "units" / name).unlink()
    host(state="absent")
    assert ("stop", *stopped) in host.systemd.calls
    assert host.files() == before - {"var"}


def test_only_what_a_comparison_run_left_is_removed(host: Host) -> None:
    (host.root / "units" / COMPARISON[0]).write_text("")
    assert host(state="absent")["actions"] == [f"remove the unit {COMPARISON[0]}"]


def test_it_is_removed_without_a_trace(host: Host) -> None:
    before = host.files()
    assert not host(state="absent")["changed"]
    host(interfaces=["eth0"])
    for path in (host.places.counters, host.places.compared):
        Path(path).write_text("{}")
    for folder in ("man", "bash", "zsh"):
        assert (host.root / folder).is_dir()
    tried = host(check=True, state="absent")
    assert host.saved.installed()
    done = host(state="absent")
    assert done == tried
    assert "disable vos-fastpath@eth0.service" in done["actions"]
    assert ("stop", "vos-fastpath-verify.timer", "vos-fastpath-watch.service", "vos-fastpath-verify.service") in host.systemd.calls
    assert host.systemd.calls[-2:] == [("forget", "vos-fastpath*"), ("reload",)]
    assert host.files() == before - {"var"}
    assert not host(state="absent")["changed"]


def test_where_systemd_is_not_pid_1_it_is_said_and_what_can_be_is_installed(host: Host) -> None:
    host.systemd = FakeSystemd(host.root / "units", runs=False)
    done = host(interfaces=["eth0"])
    assert done["systemd"] is False
    assert "systemd is not PID 1 here" in done["warnings"][0]
    assert host.systemd.enabled(["vos-fastpath@eth0.service"])
    assert host.systemd.calls == []
    assert host()["changed"] is True  # the unit of eth0 goes
    assert "warnings" not in host(state="absent")


def test_what_cannot_be_is_refused_before_anything_changes(host: Host) -> None:
    before = host.files()
    with pytest.raises(FastpathError, match=r"verify_interval: 5: it has to be 10 to 86400 seconds\. The default is 60"):
        host(verify_interval=5)
    with pytest.raises(FastpathError, match="packed: the command is missing. Run the module by its full name"):
        host(packed=None)
    with pytest.raises(FastpathError, match="hook_group: nobody-is-in-it: this host has no such group. Install the SIP server first"):
        host(hook=True, hook_group="nobody-is-in-it")
    assert host(check=True, hook=True, hook_group="nobody-is-in-it")["changed"], "an earlier task of the play would make it"
    assert host.files() == before
    assert host(hook=True, hook_group="4294967")["changed"], "a number needs no name"


def test_what_it_returns_is_documented(host: Host) -> None:
    documented = returned("xdp_host")
    assert host().keys() - {"changed", "diff"} == documented.keys()


def test_it_is_about_this_host() -> None:
    params = parameters("xdp_host", state="absent")
    found = host_task(params, True)
    assert found["command"] == Places().command == "/usr/local/sbin/vos-fastpath"
    assert set(unit_files("", 0)) == {"vos-fastpath-verify.timer", "vos-fastpath-watch.service", "vos-fastpath@.service", "vos-fastpath-verify.service"}


def test_instances_of_a_sip_server_start_behind_the_filter_too(host: Host) -> None:
    host.systemd.enable(["kamailio@edge.service", "freeswitch@b\\x2d2.service", "cron.service"])
    host(interfaces=["eth0"])
    unit = Path(host.places.units, "vos-fastpath@.service")
    before = "Before=network-online.target kamailio.service opensips.service freeswitch.service asterisk.service "
    assert before + "kamailio@edge.service freeswitch@b\\x2d2.service\n" in unit.read_text()
    assert not host(interfaces=["eth0"])["changed"]
    host.systemd.disable(["kamailio@edge.service"])
    assert host(interfaces=["eth0"])["actions"] == ["install the unit vos-fastpath@.service"]
    host(state="absent")
    assert host.systemd.enabled(["freeswitch@b\\x2d2.service"]), "it is not ours"
