# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath metrics)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _repairs
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._command import main
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved, SavedInterface
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel


@pytest.fixture
def run(kernel: FakeKernel, saved: Saved, wanted: Wanted, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A host where eth0 is filtered, and eth1 is to be, and is not there."""
    attach(kernel, ["eth0"], wanted, check=False)
    there = SavedInterface("native", wanted.object_path, "", "", Config(), Settings())
    with saved.keep_interfaces({"eth0": there, "eth1": there._replace(mode="auto")}):
        pass
    saved.local.record([Note("block", "192.0.2.7", True), Note("allow", "192.0.2.8", True), Note("block", "192.0.2.9", False)])

    def call(*words: str) -> str:
        assert main(["metrics", *words], kernel, saved) == 0
        return capsys.readouterr().out

    return call


def test_they_are_printed(run: Callable[..., str]) -> None:
    lines = run().splitlines()
    assert 'vos_fastpath_attached{interface="eth0"} 1' in lines
    assert 'vos_fastpath_attached{interface="eth1"} 0' in lines
    assert any('mode="native"' in line and 'wanted_mode="native"' in line for line in lines)
    assert 'vos_fastpath_list_local_entries{list="block"} 1' in lines
    assert 'vos_fastpath_list_local_entries{list="allow"} 1' in lines


def test_the_program_of_somebody_else_is_told_only_where_the_filter_is_wanted(run: Callable[..., str], kernel: FakeKernel) -> None:
    kernel.run_foreign("br0", "generic")
    assert '"br0"' not in run(), "the alert for what is not filtered is not for this one"
    kernel.nics["eth0"].attached.clear()
    kernel.run_foreign("eth0", "native")
    assert 'vos_fastpath_attached{interface="eth0"} 0' in run()


def test_repairs_and_the_last_look_are_told(run: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "var" / "drift.json")
    monkeypatch.setattr(_repairs, "COUNTERS", path)
    assert "last_verify" not in run()
    _repairs.count_repairs([])
    os.utime(path, (1800000000, 1800000000))
    assert "vos_fastpath_last_verify_timestamp_seconds 1800000000" in run().splitlines()
    _repairs.count_repairs(["program"])
    _repairs.count_repairs([])
    lines = run().splitlines()
    assert 'vos_fastpath_drift_repairs_total{kind="program"} 1' in lines
    assert "vos_fastpath_last_verify_timestamp_seconds 1800000000" not in lines


def test_they_are_written_as_a_whole_for_everybody_to_read(run: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "vos_fastpath.prom"
    path.write_text("old\n")
    assert run("--output", str(path)) == ""
    assert path.read_text().startswith("# HELP vos_fastpath_build_info ")
    assert path.read_text().endswith("\n")
    assert os.stat(path).st_mode & 0o777 == 0o644
    assert sorted(tmp_path.glob("vos_fastpath.prom*")) == [path]
