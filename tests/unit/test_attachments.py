# SPDX-License-Identifier: GPL-3.0-or-later

"""What is attached on a host whose interfaces come and go: those of containers, while ours are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._attachments import attachments
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import stats_task
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel


@pytest.fixture
def busy(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    """A host with an interface that is listed, and gone when it is looked at."""
    monkeypatch.setattr(kernel, "interfaces", lambda: [*sorted(kernel.nics), "veth7c2f"])
    return kernel


def attach_params(path: Path, **given: Any) -> dict[str, Any]:
    return parameters("xdp_attach", interfaces=["eth0"], object=str(path), allow_empty_allowlist=True, **given)


def test_only_what_carries_a_program_is_told(busy: FakeKernel) -> None:
    prog_id = busy.run_foreign("br0", "generic")
    assert [(interface.name, program.prog_id) for interface, program in attachments(busy)] == [("br0", prog_id)]


def test_the_filter_comes_and_goes_all_the_same(busy: FakeKernel, filter_object: Path) -> None:
    assert attach_task(attach_params(filter_object), False, busy)["actions"] == ["attach to eth0 (native)"]
    gone = attach_task(attach_params(filter_object, state="absent", keep_lists=False), False, busy)
    assert gone["interfaces"]["eth0"]["attached"] is False


def test_lists_are_made_and_read_all_the_same(busy: FakeKernel, filter_object: Path) -> None:
    attach_task(attach_params(filter_object, stealth=[]), False, busy)
    for entries in (["192.0.2.7"], []):
        result = list_task("allow", parameters("xdp_allowlist", entries=entries, state="exact"), False, busy, lambda: None, gateways=list)
        assert result["size"] == len(entries)
    facts = stats_task(parameters("xdp_stats"), False, busy)["ansible_facts"]["vos_fastpath"]
    assert list(facts["interfaces"]) == ["eth0"]
