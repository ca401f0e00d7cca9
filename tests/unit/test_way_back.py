# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface by which this host talks to another, as ip(8) has it."""

from __future__ import annotations

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.tests.unit.conftest import ip


@pytest.fixture
def addressed(veth: str) -> str:
    """An interface that leads somewhere."""
    ip("address", "add", "198.51.100.1/24", "dev", veth)
    ip("address", "add", "2001:db8::1/64", "dev", veth, "nodad")
    return veth


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7"])
def test_who_is_on_the_link_is_reached_by_it(addressed: str, address: str) -> None:
    assert AttachingKernel().way_to(address) == addressed


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_host_itself_is_reached_by_no_nic(real_host: None, address: str) -> None:
    assert AttachingKernel().way_to(address) == "lo"


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8:9::7"])
def test_there_is_not_always_a_way(addressed: str, address: str) -> None:
    assert AttachingKernel().way_to(address) is None
