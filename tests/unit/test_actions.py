# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules as people call them, by Ansible: what the controller does before and after.

Starting it takes seconds, so that all examples but one are tasks of one playbook; each test reads the result of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.plugin_utils._shown import shown

ROOT = Path(__file__).resolve().parents[2]
OWN_SOURCES = {"sip_logic.bpf.c": "int number = 7;\n"}
CLANG = """#!/bin/sh
[ "$1" = --version ] && exec echo script clang version 1
touch build/sip_logic.bpf.o
"""


def calls(folder: Path) -> dict[str, tuple[str, dict[str, Any], bool]]:
    """Module, arguments and check mode of each task, by name."""
    clang = {"clang": str(folder / "clang")}
    return {
        "query": ("xdp_stats", {"query": "counters.options_dropped"}, False),
        "no_query": ("xdp_stats", {"interfaces": ["lo"]}, False),
        "bad_query": ("xdp_stats", {"query": "counters."}, False),
        "impossible_query": ("xdp_stats", {"query": "length(counters.nothing)"}, False),
        "query_of_no_interface": ("xdp_stats", {"interfaces": ["eth9"], "query": "counters"}, False),
        "build": ("xdp_build", {"directory": str(folder / "ours"), **clang}, False),
        "build_again": ("xdp_build", {"directory": str(folder / "ours"), **clang}, True),
        "own_sources": ("xdp_build", {"directory": str(folder / "own"), "sources": OWN_SOURCES, **clang}, False),
        "remove": ("xdp_build", {"directory": str(folder / "gone"), "state": "absent"}, False),
        "host": ("xdp_host", {"interfaces": ["lo"]}, True),
        "host_is_let_go": ("xdp_host", {"state": "absent"}, True),
        "block": ("xdp_blocklist", {"entries": ["192.0.2.7"]}, False),
        "blocked": ("xdp_stats", {"query": "lists.block"}, False),
        **lists(folder),
    }


FEED = """\
192.0.2.0/24   # the office
192.0.2.7 ; in it
192.0.2.7
192.0.2.8,2001-01-01T00:00:00Z,gone
"""


def lists(folder: Path) -> dict[str, tuple[str, dict[str, Any], bool]]:
    """Tasks about the allowlist; each makes it anew."""
    exact = {"state": "exact"}
    remote = {"src": str(folder / "on_the_host.txt"), "remote_src": True}
    calls = {
        "list_in_words": {"entries": "192.0.2.7, 192.0.2.8", **exact},
        "list_of_a_file": {"src": "feed.txt", **exact},
        "list_and_file": {"src": str(folder / "files" / "feed.txt"), "entries": ["192.0.2.9", "192.0.2.7"], "expires": "3600", **exact},
        "file_of_the_host": {**remote, **exact},
        "list_and_file_of_the_host": {**remote, "entries": ["192.0.2.9"], **exact},
        "empty_list": {"entries": [], **exact},
        "no_list": exact,
        "no_file": {"src": "nosuch.txt", **exact},
        "no_text": {"src": "binary", **exact},
        "folder": {"src": str(folder / "files"), **exact},
        "bad_entry": {"entries": ["192.0.2.7", "10.1.2.abc"], **exact},
        "bad_line": {"src": "bad.txt", **exact},
        "bad_time": {"entries": ["192.0.2.7"], "expires": -5, **exact},
        "no_time": {"entries": ["192.0.2.7"], "expires": "an hour", **exact},
        "no_choice": {"src": "feed.txt", "remote_src": "perhaps", **exact},
        "no_texts": {"entries": {"192.0.2.7": 1}, **exact},
    }
    return {name: ("xdp_allowlist", arguments, False) for name, arguments in calls.items()}


def play(folder: Path, collections_path: Path, tasks: list[dict[str, Any]], **surroundings: str) -> None:
    """Run tasks on this host."""
    playbook = folder / "playbook.json"
    hosts = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    modules = {"COVERAGE_PROCESS_CONFIG": ""}  # what runs on the host is not what is measured here
    playbook.write_text(json.dumps([{**hosts, "environment": modules, "tasks": tasks}]))
    environment = {
        **os.environ,
        "HOME": str(folder),
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        **surroundings,
    }
    command = (sys.executable, "-m", "ansible", "playbook", str(playbook))
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def collected(names: Iterable[str], path: Path) -> dict[str, Any]:
    """The task that writes down what the others registered."""
    content = "{{ {%s} | to_json }}" % ", ".join(f"'{name}': of_{name}" for name in names)
    return {"ansible.builtin.copy": {"content": content, "dest": str(path), "mode": "0600"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("controller")


@pytest.fixture(scope="module")
def results(real_host: None, collections_path: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The result of each task."""
    (folder / "clang").write_text(CLANG)
    (folder / "clang").chmod(0o755)
    (folder / "gone" / "build").mkdir(parents=True)
    (folder / "files").mkdir()
    (folder / "files" / "feed.txt").write_text(FEED)
    (folder / "files" / "bad.txt").write_text(FEED + "10.1.2.3/24\n")
    (folder / "files" / "binary").write_bytes(b"\xff")
    (folder / "on_the_host.txt").write_text("192.0.2.77\n192.0.2.78\n")
    wanted = calls(folder)
    tasks: list[dict[str, Any]] = [
        {f"vos.fastpath.{module}": arguments, "check_mode": check, "register": f"of_{name}", "ignore_errors": True}
        for name, (module, arguments, check) in wanted.items()
    ]
    tasks.append(collected(wanted, folder / "results.json"))
    subprocess.run(("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"), check=True)
    try:
        play(folder, collections_path, tasks)
    finally:
        subprocess.run(("umount", "/sys/fs/bpf"), check=True)
    found = json.loads((folder / "results.json").read_text())
    assert isinstance(found, dict)
    return found


Results = dict[str, dict[str, Any]]


def test_a_query_is_answered_on_the_controller(results: Results) -> None:
    assert results["query"]["answer"] == 0
    assert "ansible_facts" not in results["query"], "which nobody reads on a terminal"
    assert results["query"]["changed"] is False


def test_without_a_query_there_is_no_answer(results: Results) -> None:
    assert "answer" not in results["no_query"]
    assert list(results["no_query"]["ansible_facts"]["vos_fastpath"]["interfaces"]) == ["lo"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad_query", "query: counters.: it is no JMESPath expression: "),
        ("impossible_query", "query: length(counters.nothing): it can't be evaluated on the facts: "),
    ],
)
def test_a_query_that_is_none(results: Results, name: str, words: str) -> None:
    assert results[name]["failed"] is True
    assert results[name]["msg"].startswith(words)
    assert results[name]["msg"].endswith(". See https://jmespath.org")


def test_an_error_of_the_host_is_not_queried(results: Results) -> None:
    assert results["query_of_no_interface"]["msg"].startswith("eth9: there is no such interface. This host has: lo")
    assert "answer" not in results["query_of_no_interface"]


def test_the_sources_are_sent_along(results: Results, root: Path, folder: Path) -> None:
    assert results["build"]["reasons"] == ["it was not built yet"]
    sent = {path.name: path.read_text() for path in (folder / "ours" / "src").iterdir()}
    assert sent == {path.name: path.read_text() for path in (root / "files").glob("*.[ch]")}
    assert "sip_logic.bpf.c" in sent
    assert results["build_again"]["changed"] is False


def test_ones_own_sources_are_sent_instead(results: Results, folder: Path) -> None:
    assert results["own_sources"]["changed"] is True
    assert {path.name: path.read_text() for path in (folder / "own" / "src").iterdir()} == OWN_SOURCES


def test_what_was_built_is_removed(results: Results, folder: Path) -> None:
    assert results["remove"]["changed"] is True
    assert not (folder / "gone").exists()


def test_the_command_is_sent_along_to_a_host_that_keeps_itself(results: Results) -> None:
    assert "install /usr/local/sbin/vos-fastpath" in results["host"]["actions"]
    assert "enable vos-fastpath@lo.service" in results["host"]["actions"]
    assert (results["host_is_let_go"]["changed"], results["host_is_let_go"]["actions"]) == (False, [])


def test_a_list_is_kept_from_one_task_to_the_next(results: Results) -> None:
    assert results["block"]["changed"] is True
    assert results["blocked"]["answer"] == 1


@pytest.mark.parametrize(
    ("name", "added", "removed", "duplicates"),
    [
        ("list_in_words", ["192.0.2.7", "192.0.2.8"], [], 0),
        ("list_of_a_file", ["192.0.2.0/24"], ["192.0.2.8"], 1),
        ("list_and_file", ["192.0.2.9"], [], 2),
        ("file_of_the_host", ["192.0.2.77", "192.0.2.78"], ["192.0.2.7", "192.0.2.9", "192.0.2.0/24"], 0),
        ("list_and_file_of_the_host", ["192.0.2.9"], [], 0),
        ("empty_list", [], ["192.0.2.9", "192.0.2.77", "192.0.2.78"], 0),
    ],
)
def test_a_list_is_read_where_it_is(results: Results, name: str, added: list[str], removed: list[str], duplicates: int) -> None:
    found = results[name]
    assert "msg" not in found
    assert (found["added"], found["removed"], found["duplicates"]) == (added, removed, duplicates)


def test_a_list_read_on_the_controller_knows_its_times(results: Results) -> None:
    assert (results["list_of_a_file"]["expired"], results["list_of_a_file"]["overlaps"]) == (1, 1)
    assert results["list_and_file"]["renewed_count"] == 2, "those that have no time of their own"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_list", ["entries: neither entries nor src says what the list is about. Name one of them"]),
        ("no_file", ["src: nosuch.txt: Could not find or access 'nosuch.txt'", "set remote_src=true for one on the host"]),
        ("no_text", ["/files/binary line 1: it is no UTF-8: 'utf-8' codec can't decode byte 0xff", "Name a text file"]),
        ("folder", ["/files: Is a directory (EISDIR). Name a text file"]),
        ("bad_entry", ["Entry 2: 10.1.2.abc: it is neither an IPv4 nor an IPv6 address. ", "Nothing was changed"]),
        ("bad_line", ["bad.txt line 5: 10.1.2.3/24: it has host bits set below /24. Write 10.1.2.0/24 ", "Nothing was changed"]),
        ("bad_time", ["expires: -5: it has to be 1 to 3153600000 seconds. Leave it out for no end"]),
        ("no_time", ["expires", "an hour", "int"]),
        ("no_choice", ["remote_src", "perhaps", "bool"]),
        ("no_texts", ["entries", "list"]),
    ],
)
def test_a_list_that_is_none(results: Results, name: str, words: list[str]) -> None:
    assert results[name]["failed"] is True
    assert [word for word in words if word not in results[name]["msg"]] == []


def test_a_controller_without_jmespath(real_host: None, collections_path: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['jmespath'] = None\n")
    asked = {"vos.fastpath.xdp_stats": {"query": "lists"}, "register": "of_it", "ignore_errors": True}
    play(tmp_path, collections_path, [asked, collected(["it"], tmp_path / "result.json")], PYTHONPATH=str(tmp_path))
    result = json.loads((tmp_path / "result.json").read_text())["it"]
    assert result["failed"] is True
    assert result["msg"].startswith("query: jmespath is not installed on the controller. Install it: pip install jmespath")


def on_a_terminal(folder: Path, collections_path: Path, *options: str) -> str:
    """What the command ansible prints of xdp_stats."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "COVERAGE_PROCESS_CONFIG": "",  # the command ends its children before they have written down what they did
    }
    command = (sys.executable, "-m", "ansible", "adhoc", "localhost", "-m", "vos.fastpath.xdp_stats", *options)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_on_a_terminal_there_is_the_summary_and_with_v_the_rest(real_host: None, collections_path: Path, tmp_path: Path) -> None:
    assert on_a_terminal(tmp_path, collections_path) == SHORT
    assert '"ansible_facts": {' in on_a_terminal(tmp_path, collections_path, "-v")


def test_what_is_shown_of_the_facts() -> None:
    rest = {"changed": True, "diff": {}}
    result = {**rest, "ansible_facts": {"vos_fastpath": {"interfaces": {}, "lists": {"allow": 7}, "tables": {}}}}
    words = ["No interface carries a filter", "lists: allow 7"]
    assert shown(result, None, False) == {**result, "summary": words}
    assert shown(result, None, True) == {**rest, "summary": words}
    for on_terminal in (True, False):
        assert shown(result, lambda facts: facts["lists"]["allow"], on_terminal) == {**rest, "answer": 7}


SHORT = """\
localhost | SUCCESS => {
    "changed": false,
    "summary": [
        "No interface carries a filter",
        "lists: allow 0, block 0"
    ]
}
"""
