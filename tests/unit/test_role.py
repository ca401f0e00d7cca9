# SPDX-License-Identifier: GPL-3.0-or-later

"""The role says what it takes, and hands all of it on to the modules."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.vos.fastpath.tests.unit.documents import ROLE, argument_spec, of_role

OPTIONS = of_role("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
DEFAULTS = of_role("defaults/main.yml")
TASKS = {"present": of_role("tasks/present.yml"), "absent": of_role("tasks/absent.yml")}


def arguments(state: str, module: str) -> dict[str, Any]:
    """What the tasks for a state give a module."""
    [found] = [task["vos.fastpath." + module] for task in TASKS[state] if "vos.fastpath." + module in task]
    return found


def variable(name: str) -> str:
    return "{{ vos_fastpath_%s }}" % name


def test_every_variable_but_the_required_ones_has_the_default_that_is_documented() -> None:
    assert {name: option["default"] for name, option in OPTIONS.items() if not option.get("required")} == DEFAULTS
    assert [name for name, option in OPTIONS.items() if option.get("required")] == ["vos_fastpath_interfaces"]


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_variable_is_used(name: str) -> None:
    used = "".join(path.read_text() for path in sorted((ROLE / "tasks").glob("*.yml")))
    assert re.search(rf"\b{name}\b", used)
    assert name.startswith("vos_fastpath_")
    assert OPTIONS[name]["description"]


@pytest.mark.parametrize("name", sorted(name for name, option in OPTIONS.items() if option["type"] == "bool"))
def test_what_is_true_or_false_may_be_a_word_since_extra_variables_are(name: str) -> None:
    """A module takes it as it comes; in an expression "false" is true."""
    text = "".join(path.read_text() for path in sorted((ROLE / "tasks").glob("*.yml")))
    uses = re.findall(rf"(\{{\{{ )?\b{name}\b(?! to true)( \| bool| }}}})?", text)  # "set … to true" is in a message
    assert set(uses) <= {("{{ ", " }}"), ("{{ ", " | bool"), ("", " | bool")}


def test_every_option_of_the_attachment_can_be_reached() -> None:
    given = {**arguments("present", "xdp_attach"), **arguments("absent", "xdp_attach")}
    assert given.keys() == argument_spec("xdp_attach").keys() - {"confirm"}  # that is the action plugin's


SAME = sorted(arguments("present", "xdp_attach").keys() - {"object"})


@pytest.mark.parametrize("name", SAME)
def test_the_variable_of_an_option_is_that_option(name: str) -> None:
    assert arguments("present", "xdp_attach")[name] == variable(name)
    option, module_option = OPTIONS["vos_fastpath_" + name], argument_spec("xdp_attach")[name]
    for part in ("type", "elements", "choices", "default", "required"):
        assert option.get(part) == module_option.get(part)


def test_the_lists_are_made_equal_to_the_variables_before_the_filter_is_attached() -> None:
    for name in ("allowlist", "blocklist"):
        given = arguments("present", "xdp_" + name)
        expected = {"entries": variable(name), "src": variable(name + "_src"), "state": "exact", "local": variable("local")}
        assert given == expected | ({"allow_empty": variable("allow_empty_allowlist")} if name == "allowlist" else {})
        for part in ("type", "elements"):
            for option in ("entries", "src"):
                module_option = argument_spec("xdp_" + name)[option]
                assert OPTIONS["vos_fastpath_" + name + ("_src" if option == "src" else "")].get(part) == module_option.get(part)
    order = [key.rpartition(".")[2] for task in TASKS["present"] for key in task if key.startswith("vos.fastpath.")]
    assert order == ["xdp_info", "xdp_build", "xdp_host", "xdp_allowlist", "xdp_blocklist", "xdp_attach", "xdp_stats"]


def test_what_is_attached_is_what_was_built() -> None:
    [build] = [task for task in TASKS["present"] if "vos.fastpath.xdp_build" in task]
    assert arguments("present", "xdp_build")["directory"] == arguments("absent", "xdp_build")["directory"] == variable("directory")
    assert arguments("present", "xdp_attach")["object"] == "{{ %s.object }}" % build["register"]
    assert OPTIONS["vos_fastpath_directory"]["default"] == argument_spec("xdp_build")["directory"]["default"]
    assert argument_spec("xdp_attach")["object"]["default"].startswith(OPTIONS["vos_fastpath_directory"]["default"] + "/")


def test_the_preflight_looks_at_the_interfaces_and_stops_the_play() -> None:
    assert arguments("present", "xdp_info") == {"interfaces": variable("interfaces"), "assert_ready": True}


def test_absent_removes_everything() -> None:
    assert arguments("absent", "xdp_attach") == {
        "interfaces": variable("interfaces"), "state": "absent", "force": variable("force"), "keep_lists": False, "resolve": variable("resolve")
    }  # fmt: skip
    assert arguments("absent", "xdp_build")["state"] == "absent"


def test_the_host_keeps_what_it_is_to_have_and_is_verified_as_often_as_said() -> None:
    given = arguments("present", "xdp_host")
    assert given["interfaces"] == variable("interfaces")
    assert given["state"] == "{{ vos_fastpath_persistent | bool | ternary('present', 'absent') }}"
    assert given["verify_interval"] == variable("verify_interval")
    assert OPTIONS["vos_fastpath_verify_interval"]["default"] == argument_spec("xdp_host")["verify_interval"]["default"]


def test_metrics_and_hook_are_as_the_variables_say() -> None:
    given, spec = arguments("present", "xdp_host"), argument_spec("xdp_host")
    assert given["metrics_file"] == "{{ vos_fastpath_metrics | bool | ternary(vos_fastpath_metrics_file, omit) }}"
    names = [name for name in spec if name.startswith("hook")] + ["metrics_interval"]
    assert len(names) == 6
    for name in names:
        assert given[name] == variable(name)
        for part in ("type", "elements", "choices", "default"):
            assert OPTIONS["vos_fastpath_" + name].get(part) == spec[name].get(part)


def test_where_the_filter_cannot_be_taken_off_nothing_else_is_removed() -> None:
    assert arguments("absent", "xdp_host") == {"state": "absent"}
    order = [key for task in TASKS["absent"] for key in task if key.startswith("vos.fastpath.")]
    assert order == ["vos.fastpath.xdp_attach", "vos.fastpath.xdp_host", "vos.fastpath.xdp_build"]


def test_every_state_has_its_tasks() -> None:
    [include] = of_role("tasks/main.yml")
    assert include["ansible.builtin.include_tasks"] == "{{ vos_fastpath_state }}.yml"
    assert {path.stem for path in (ROLE / "tasks").glob("*.yml")} - {"main"} == set(OPTIONS["vos_fastpath_state"]["choices"])
