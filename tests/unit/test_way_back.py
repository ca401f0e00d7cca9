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


FAR = [("203.0.113.7", "198.51.100.1"), ("2001:db8:9::7", "2001:db8::1")]


@pytest.mark.parametrize(("address", "source"), FAR)
def test_an_uplink_can_be_chosen_by_the_address_that_answers(addressed: str, address: str, source: str) -> None:
    family = "-6" if ":" in address else "-4"
    ip(family, "rule", "add", "from", source, "lookup", "77")
    ip(family, "route", "add", "default", "dev", addressed, "table", "77")
    ways = AttachingKernel().way_to(address), AttachingKernel().way_to(address, source)
    ip(family, "rule", "delete", "from", source)
    assert ways == (None, addressed)


@pytest.mark.parametrize("source", ["192.0.2.99", "2001:db8::1"], ids=["not ours", "of the other family"])
def test_an_address_that_cannot_be_the_source_chooses_nothing(addressed: str, source: str) -> None:
    assert AttachingKernel().way_to("198.51.100.7", source) == addressed


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8:9::7"])
def test_there_is_not_always_a_way(addressed: str, address: str) -> None:
    assert AttachingKernel().way_to(address) is None
