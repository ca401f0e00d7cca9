# SPDX-License-Identifier: GPL-3.0-or-later

"""What ethtool tells, on the real kernel."""

from __future__ import annotations

import subprocess

from ansible_collections.vos.fastpath.plugins.module_utils._ethtool import channels, driver_name, merges_packets


def test_the_driver(veth: str, bridge: str) -> None:
    assert (driver_name(veth), driver_name(bridge), driver_name("lo")) == ("veth", "bridge", None)


def test_the_queues(veth: str, bridge: str) -> None:
    subprocess.run(("ip", "link", "add", "many0", "numrxqueues", "4", "numtxqueues", "2", "type", "veth"), check=True)
    found = channels("many0")
    subprocess.run(("ip", "link", "delete", "many0"), check=True)
    assert found == (4, 2, 2)
    assert channels(bridge) is None


def test_nothing_here_merges_packets(veth: str) -> None:
    assert (merges_packets(veth), merges_packets("nosuch")) == (False, False)
