# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of the modules is so: options, defaults, examples, and what they return."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.testing import patch_module_args

from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect, pack
from ansible_collections.vos.fastpath.tests.unit.documents import NAMES, ROOT, argument_spec, documentation, examples, module, returned

PARTS = ("type", "elements", "required", "default", "choices", "aliases")


def shape(option: dict[str, Any]) -> dict[str, Any]:
    """What of an option has to be the same in documentation and code."""
    return {part: option[part] for part in PARTS if option.get(part) not in (None, False, []) or part == "default" and part in option}


@pytest.mark.parametrize("name", NAMES)
def test_options_are_what_the_module_takes(name: str) -> None:
    documented = {key: shape(option) for key, option in documentation(name)["options"].items()}
    assert documented == {key: shape(option) for key, option in argument_spec(name).items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_is_that_of_the_module(name: str) -> None:
    found = documentation(name)
    assert found["module"] == name
    assert found["version_added"] == yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert found["attributes"]["action_group"]["membership"] == ["vos.fastpath.fastpath"]
    for key in ("check_mode", "diff_mode", "idempotent", "platform", "action_group"):
        assert found["attributes"][key]["support"] in ("full", "none")
        assert found["attributes"][key]["description"]


EXAMPLES = [
    *((f"{name}, {task['name']}", [task]) for name in NAMES for task in examples(name)),
    *((path.name, yaml.safe_load(path.read_text())) for path in [ROOT / "site.yml", *sorted((ROOT / "playbooks").glob("*.yml"))]),
]


def tasks_in(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks of a list of tasks or plays."""
    return [task for entry in found for task in ([*entry.get("tasks", []), *entry.get("pre_tasks", [])] if "hosts" in entry else [entry])]


@pytest.mark.parametrize("found", [found for _name, found in EXAMPLES], ids=[name for name, _found in EXAMPLES])
def test_examples_are_tasks_that_the_modules_take(found: list[dict[str, Any]]) -> None:
    for task in tasks_in(found):
        for action in (key for key in task if key.startswith("vos.fastpath.")):
            name = action.rpartition(".")[2]
            assert name in NAMES
            arguments = {key: value for key, value in (task[action] or {}).items() if "{{" not in str(value)}
            spec = {key: {**option, "required": False} for key, option in argument_spec(name).items()}
            assert ArgumentSpecValidator(spec).validate(arguments).error_messages == []
            missing = {key for key, option in argument_spec(name).items() if option.get("required")} - set(task[action] or {})
            assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_every_module_has_examples_of_itself(name: str) -> None:
    assert examples(name)
    for task in examples(name):
        assert task["name"]
        assert f"vos.fastpath.{name}" in task


# What they return.

BESIDE = {"changed", "diff", "invocation", "warnings", "deprecations"}
"""What Ansible documents itself."""

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(no_pins: None, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a module on the real kernel, and return what it printed."""

    def called(name: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
        with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module(name).main()
        found = json.loads(capsys.readouterr().out)
        assert isinstance(found, dict)
        return found

    return called


TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict, "float": float}


def compare(result: dict[str, Any], documented: dict[str, Any], present: set[str], also: set[str]) -> None:
    """All that is returned is documented, what is documented is returned, and everything is of the type it is said to be."""
    assert set(result) - BESIDE - also <= documented.keys(), "this is not documented"
    always = {key for key, entry in documented.items() if entry["returned"] in present}
    assert always <= set(result), "this is documented and not returned"
    for key in result.keys() & documented.keys():
        entry = documented[key]
        assert isinstance(result[key], TYPES[entry["type"]]) or result[key] is None and "null" in str(entry["description"]).lower(), key
        if result[key] and entry.get("elements"):
            assert all(isinstance(each, TYPES[entry["elements"]]) for each in result[key])


def likewise(documented: dict[str, Any]) -> set[str]:
    """The keys that are documented in the words for C(ports)."""
    return set(re.findall(r"C\((\w+)\)", documented["ports"]["description"].partition("likewise")[2]))


def test_what_keeping_a_host_returns(call: Call) -> None:
    compare(call("xdp_host", check=True, state="absent"), returned("xdp_host"), {"success"}, set())


def test_what_the_lists_return(call: Call) -> None:
    for name in ("xdp_allowlist", "xdp_blocklist"):
        documented = returned(name)
        for check in (True, False):
            result = call(name, check, entries=["192.0.2.7", "192.0.2.7"])
            assert (result["changed"], result["added"], result["duplicates"]) == (True, ["192.0.2.7"], 1)
            compare(result, documented, {"success"}, set())
            assert "hits" not in result
        result = call(name, entries=["192.0.2.7"], expires=3600, hits=True)
        compare(result, documented, {"success", "when O(hits=true)"}, set())
        [hit] = result["hits"]
        assert (hit["last_seen"], type(hit["expires"])) == (None, float)
        compare(hit, documented["hits"]["contains"], {"always"}, set())


def test_both_lists_return_the_same() -> None:
    """A fragment can hold their options once, but not what they return."""
    assert returned("xdp_allowlist") == returned("xdp_blocklist")


def test_a_list_that_came_packed_does_not_travel_back(call: Call) -> None:
    result = call("xdp_blocklist", packed=pack(collect(["192.0.2.7"], (), 0.0)))
    assert result["added"] == ["192.0.2.7"]
    assert result["invocation"]["module_args"]["packed"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


OPTIONS = {"ports", "af_xdp", "stealth", "malformed", "audit", "rate_limit", "rate_burst"}


def test_what_attaching_returns(call: Call, built: str, veth: str, bridge: str) -> None:
    arguments = {"interfaces": [veth, bridge], "object": built, "allow_empty_allowlist": True}
    result = call("xdp_attach", **arguments)
    documented = returned("xdp_attach")
    compare(result, documented, {"success"}, set())
    entries = documented["interfaces"]["contains"]
    assert likewise(entries) == OPTIONS - {"ports"}
    with_program = {"always", "when a program is attached", "when our program is attached"}
    for found in result["interfaces"].values():
        compare(found, entries, with_program, likewise(entries))
        assert OPTIONS <= found.keys()
    assert result["interfaces"][bridge]["native_refused"] == entries["native_refused"]["sample"]
    assert call("xdp_attach", **arguments)["changed"] is False
    gone = call("xdp_attach", interfaces=[veth, bridge], state="absent", keep_lists=False)
    compare(gone["interfaces"][veth], entries, {"always"}, set())


def test_what_a_refused_object_returns(call: Call, veth: str, bpf_object: Callable[[str], str]) -> None:
    arguments = {"interfaces": [veth], "object": bpf_object("unverifiable"), "allow_empty_allowlist": True}
    result = call("xdp_attach", **arguments)
    assert result["failed"] is True
    assert "log" in returned("xdp_attach")
    assert "invalid access to packet" in result["log"]


def test_what_the_counters_return(call: Call, built: str, veth: str) -> None:
    call("xdp_attach", interfaces=[veth], object=built, allow_empty_allowlist=True)
    result = call("xdp_stats", interfaces=[veth, "lo"])
    documented = returned("xdp_stats")
    assert set(result) - BESIDE == {"ansible_facts"}, "the summary is made of them on the controller"
    facts = result["ansible_facts"]["vos_fastpath"]
    compare(facts, documented["ansible_facts"]["contains"]["vos_fastpath"]["contains"], {"always"}, set())
    entries = documented["ansible_facts"]["contains"]["vos_fastpath"]["contains"]["interfaces"]["contains"]
    assert likewise(entries) == OPTIONS - {"ports"}
    compare(facts["interfaces"][veth], entries, {"always", "when our program is attached"}, likewise(entries))
    assert OPTIONS <= facts["interfaces"][veth].keys()
    compare(facts["interfaces"]["lo"], entries, {"always"}, set())


def test_what_building_returns(call: Call, tmp_path: Path) -> None:
    (tmp_path / "clang").write_text('#!/bin/sh\n[ "$1" = --version ] && exec echo clang\ntouch build/sip_logic.bpf.o\n')
    (tmp_path / "clang").chmod(0o755)
    arguments = {"directory": str(tmp_path / "place"), "clang": str(tmp_path / "clang"), "sources": {"sip_logic.bpf.c": "x"}}
    for check in (True, False):
        compare(call("xdp_build", check, **arguments), returned("xdp_build"), {"success", "when O(state=present)"}, set())
    compare(call("xdp_build", **arguments, state="absent"), returned("xdp_build"), {"success", "when O(state=absent)"}, set())


def test_what_asking_returns(call: Call, veth: str) -> None:
    result = call("xdp_info")
    compare(result, returned("xdp_info"), {"success", "always"}, set())
    documented = returned("xdp_info")["interfaces"]["contains"]
    for found in result["interfaces"].values():
        compare(found, documented, {"always"}, set())
    refused = call("xdp_info", interfaces=["eth9"], assert_ready=True)
    assert (refused["failed"], refused["problems"]) == (True, ["eth9: there is no such interface. This host has: lo, veth0, veth1"])
