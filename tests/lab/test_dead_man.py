# SPDX-License-Identifier: GPL-3.0-or-later

"""A filter on the very interface that Ansible comes in by: confirmed, or undone by the host itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.tests.unit.objects import SOURCES, compile_object

PROGRAM = "ip -details link show dev mgmt0 | sed -n 's/.*prog.xdp id \\([0-9]*\\).*/\\1/p'"
LEFT = "ls /run/vos-fastpath.rollback 2>/dev/null; true"


@pytest.fixture(scope="module")
def objects(lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filter that passes everything, and one that passes nothing, on a host."""
    folder = tmp_path_factory.mktemp("objects")
    for name in ("open", "filter"):
        compile_object(SOURCES[name], folder / f"{name}.o")
    lab.ansible("ansible", "sbc1", "-m", "ansible.builtin.copy", "-a", f"src={folder}/ dest=/root/objects mode=0600")
    return folder


@pytest.fixture
def attach(lab, objects: Path):
    """Attach one of them to the interface of the connection."""

    def run(name: str, seconds: int, check: bool = True) -> str:
        arguments = f"interfaces=mgmt0 object=/root/objects/{name}.o allow_empty_allowlist=true rollback_after={seconds}"
        return lab.ansible("ansible", "sbc1", "-m", "vos.fastpath.xdp_attach", "-a", arguments, check=check).stdout

    yield run
    lab.on("sbc1", "ip link set dev mgmt0 xdp off; rm -rf /sys/fs/bpf/vos_fastpath")


def test_a_filter_that_lets_ansible_through_is_confirmed_and_stays(lab, attach) -> None:
    assert '"confirmed": true' in attach("open", 30)
    assert lab.on("sbc1", PROGRAM)
    assert lab.on("sbc1", LEFT) == "", "nothing waits any more"
    assert '"rollback"' not in attach("open", 30), "nor does it cost anything where nothing changes"


def test_one_that_does_not_is_undone_and_the_play_says_so(lab, attach) -> None:
    said = attach("filter", 3, check=False)
    assert "sbc1: nobody got through to this host for 3 s after the change, so it was undone: everything is as it was before" in said
    assert '"confirmed": false' in said
    assert lab.on("sbc1", PROGRAM) == ""
    assert lab.on("sbc1", LEFT) == ""


def test_what_was_there_before_comes_back(lab, attach) -> None:
    attach("open", 30)
    before = lab.on("sbc1", PROGRAM)
    attach("filter", 3, check=False)
    assert lab.on("sbc1", PROGRAM) == before
