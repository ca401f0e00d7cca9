# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks on the real kernel, with the object that is built from files/, verified with ip(8) and bpftool."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import ARGUMENT_SPEC, attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING, attach
from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import stats_task
from ansible_collections.vos.fastpath.tests.unit.conftest import ip
from ansible_collections.vos.fastpath.tests.unit.documents import parameters

DEFAULTS = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}


@pytest.fixture
def params(built: str, no_pins: None) -> dict[str, Any]:
    return {**DEFAULTS, "object": built, "allow_empty_allowlist": True}


def tool(*words: str) -> Any:
    """What another program says of it."""
    return json.loads(subprocess.run(words, capture_output=True, check=True).stdout)


def shown(name: str) -> tuple[int, int] | None:
    xdp = tool("ip", "-json", "link", "show", "dev", name)[0].get("xdp")
    return xdp and (xdp["mode"], xdp["prog"]["id"])


def test_the_filter_comes_stays_and_goes(params: dict[str, Any], veth: str, bridge: str) -> None:
    params["interfaces"] = [veth, bridge]

    foretold = attach_task(params, True)
    assert foretold["actions"] == [f"attach to {veth} (native)", f"attach to {bridge} (generic)"]
    assert (shown(veth), shown(bridge), Kernel().is_pinned()) == (None, None, False)

    done = attach_task(params, False)
    assert done["actions"] == [f"attach to {veth} (native)", f"attach to {bridge} (generic)"]
    native, generic = done["interfaces"][veth], done["interfaces"][bridge]
    assert (shown(veth), shown(bridge)) == ((1, native["prog_id"]), (2, generic["prog_id"]))
    assert generic["native_refused"] == "Underlying driver does not support XDP in native mode"
    program = tool("bpftool", "--json", "prog", "show", "id", str(native["prog_id"]))
    assert (program["name"], program["tag"]) == ("sip_logic", native["tag"])
    assert native["tag"] == foretold["interfaces"][veth]["tag"]

    for check in (False, True):
        again = attach_task(params, check)
        assert (again["changed"], again["interfaces"][veth]["prog_id"]) == (False, native["prog_id"])

    gone = attach_task({**params, "state": "absent", "keep_lists": False}, False)
    assert gone["changed"] is True
    assert (shown(veth), shown(bridge), Kernel().is_pinned()) == (None, None, False)
    assert attach_task({**params, "state": "absent", "keep_lists": False}, False)["changed"] is False


def test_all_interfaces_share_the_lists_and_have_counters_of_their_own(params: dict[str, Any], veth: str, bridge: str) -> None:
    attach_task({**params, "interfaces": [veth, bridge]}, False)
    kernel = Kernel()
    programs = [kernel.attached(kernel.interface(name).ifindex) for name in (veth, bridge)]
    shared = {name for name in MAPS if programs[0].maps[name] == programs[1].maps[name]}
    assert shared == {"hosts_v4", "hosts_v6", "prefixes_v4", "prefixes_v6", "list_gate"}
    with kernel.host_map("hosts_v4") as pinned:
        assert pinned.info.id == programs[0].maps["hosts_v4"]


def test_a_list_that_is_made_later_is_seen_by_the_filter(params: dict[str, Any], veth: str) -> None:
    attach_task({**params, "interfaces": [veth]}, False)
    list_task("block", parameters("xdp_blocklist", entries=["192.0.2.7", "2001:db8::/32"], state="exact"), False)
    kernel = Kernel()
    with kernel.map_by_id(kernel.attached(kernel.interface(veth).ifindex).maps["hosts_v4"]) as table:
        assert [key for key, value in table.items()] == [b"\xc0\0\2\7"]
    facts = stats_task(parameters("xdp_stats"), False)["ansible_facts"]["vos_fastpath"]
    assert facts["lists"] == {"allow": 0, "block": 2}
    assert (list(facts["interfaces"]), facts["interfaces"][veth]["mode"]) == ([veth], "native")
    again = list_task("block", parameters("xdp_blocklist", entries=["2001:db8::/32", "192.0.2.7"], state="exact"), False)
    assert again["changed"] is False


def test_other_ports_are_another_program_in_the_same_place(params: dict[str, Any], veth: str) -> None:
    first = attach_task({**params, "interfaces": [veth]}, False)["interfaces"][veth]
    kernel = Kernel()
    counters = kernel.attached(first["ifindex"]).maps["xdp_counters"]
    second = attach_task({**params, "interfaces": [veth], "ports": [5060, 5080], "audit": True}, False)["interfaces"][veth]
    assert second["actions"] == [f"replace program {first['prog_id']} (sip_logic, tag {first['tag']}, native) on {veth} in place"]
    assert (second["ports"], second["audit"], second["prog_id"] != first["prog_id"]) == ((5060, 5080), True, True)
    assert kernel.attached(first["ifindex"]).maps["xdp_counters"] == counters


def test_settings_change_under_way(params: dict[str, Any], veth: str) -> None:
    first = attach_task({**params, "interfaces": [veth]}, False)["interfaces"][veth]
    second = attach_task({**params, "interfaces": [veth], "rate_limit": 50}, False)["interfaces"][veth]
    assert second["actions"] == [f"change the settings of {veth}"]
    assert (second["prog_id"], second["rate_limit"]) == (first["prog_id"], 50)


def test_the_mode_is_changed_by_name(params: dict[str, Any], veth: str) -> None:
    first = attach_task({**params, "interfaces": [veth]}, False)["interfaces"][veth]
    second = attach_task({**params, "interfaces": [veth], "mode": "generic"}, False)["interfaces"][veth]
    assert shown(veth) == (2, second["prog_id"])
    assert second["prog_id"] != first["prog_id"]
    with pytest.raises(FastpathError, match=f"{veth}: the kernel refused .* \\(offload\\): .*This NIC does not execute BPF"):
        attach_task({**params, "interfaces": [veth], "mode": "offload"}, False)
    assert shown(veth)[0] == 2


def test_a_foreign_program_is_left_alone(params: dict[str, Any], veth: str, bpf_object: Callable[[str], str]) -> None:
    with BpfObject(bpf_object("no_maps")) as opened:
        fd = opened.load()
        ifindex = Kernel().interface(veth).ifindex
        attach(ifindex, "generic", fd, NOTHING)
    there = shown(veth)
    with pytest.raises(FastpathError, match=f"is attached, and it is not ours. Remove it .ip link set dev {veth} xdpgeneric off"):
        attach_task({**params, "interfaces": [veth]}, False)
    assert attach_task({**params, "interfaces": [veth], "state": "absent"}, False)["changed"] is False
    assert shown(veth) == there
    assert attach_task({**params, "interfaces": [veth], "force": True}, False)["interfaces"][veth]["ours"] is True
    assert shown(veth)[0] == 2


@pytest.mark.parametrize("name", ["unverifiable", "foreign", "no_maps", "other_config"])
@pytest.mark.parametrize("check", [True, False])
def test_an_object_that_can_not_be_ours_changes_nothing(
    params: dict[str, Any], veth: str, bpf_object: Callable[[str], str], name: str, check: bool
) -> None:
    with pytest.raises(FastpathError, match=f"{name}.bpf.o: "):
        attach_task({**params, "interfaces": [veth], "object": bpf_object(name)}, check)
    assert (shown(veth), Kernel().is_pinned()) == (None, False)


@pytest.fixture
def away(real_host: None) -> Iterator[str]:
    """Another network namespace."""
    ip("netns", "add", "away")
    yield "away"
    ip("netns", "delete", "away")


def test_an_interface_that_is_moved_away_takes_its_filter_along_and_brings_it_back(
    params: dict[str, Any], veth: str, bridge: str, away: str
) -> None:
    def there() -> int:
        [link] = tool("ip", "-netns", away, "-json", "link", "show", "dev", veth)
        return link["xdp"]["prog"]["id"]

    attached = attach_task({**params, "interfaces": [veth, bridge]}, False)["interfaces"][veth]
    maps = Kernel().attached(attached["ifindex"]).maps
    ip("link", "set", veth, "netns", away)
    with pytest.raises(FastpathError, match=f"^{veth}: there is no such interface"):
        attach_task({**params, "interfaces": [veth, bridge]}, False)
    unpinned = "unpin the maps of interface number %d, which is no more" % attached["ifindex"]
    assert attach_task({**params, "interfaces": [bridge]}, False)["actions"] == [unpinned]
    assert there() == attached["prog_id"], "where it is now, it filters as before"

    ip("-netns", away, "link", "set", veth, "netns", str(os.getpid()))
    back = attach_task({**params, "interfaces": [veth, bridge]}, False)
    assert back["actions"] == [f"pin the maps of {veth} again"]
    assert back["interfaces"][veth]["prog_id"] == attached["prog_id"]
    pinned = {**Kernel().pinned(), **Kernel().pinned(back["interfaces"][veth]["ifindex"])}
    assert pinned == {name: maps[name] for name in MAPS}


def test_an_interface_with_the_number_of_another_one_does_not_get_its_maps(params: dict[str, Any], real_host: None) -> None:
    def plug(name: str) -> None:
        ip("link", "add", name, "index", "4242", "type", "veth", "peer", "name", "far0")

    plug("near0")
    first = attach_task({**params, "interfaces": ["near0"]}, False)["interfaces"]["near0"]
    ip("link", "set", "near0", "name", "renamed0")
    assert attach_task({**params, "interfaces": ["renamed0"]}, False)["changed"] is False, "it is the same one"
    before = Kernel().pinned(4242)
    ip("link", "delete", "renamed0")

    plug("near0")
    attached = attach_task({**params, "interfaces": ["near0"]}, False)

    assert attached["actions"] == ["attach to near0 (native)", "unpin the maps of interface number 4242, which is no more"]
    assert (first["ifindex"], attached["interfaces"]["near0"]["ifindex"]) == (4242, 4242)
    assert set(before.values()).isdisjoint(Kernel().pinned(4242).values())
    assert attach_task({**params, "interfaces": ["near0"]}, False)["changed"] is False
    ip("link", "delete", "near0")
