# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules on real interfaces: each target of tests/integration/targets, played on localhost in namespaces of its own.

A target is what ansible-test takes for one: a role. One of them is played by ansible-test too, so that it can play them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from workshop import places
from workshop.check import Check
from workshop.pytests import PRIVATE
from workshop.workspace import Workspace

TARGETS = Path("tests", "integration", "targets")
HELPERS = ("setup_", "prepare_")
"""Targets that others depend on; they are no tests."""


SMALLEST = "xdp_info"


def checks(workspace: Workspace) -> Iterator[Check]:
    """Each target; where the kind of pyroute2 matters, it tries both."""
    for target in targets(places.ROOT / TARGETS):
        yield _play(workspace, target)
    yield _ansible_test(workspace, SMALLEST)


def targets(folder: Path) -> list[str]:
    """The names of the targets that are tests."""
    roles = [path.parent.parent.name for path in folder.glob("*/tasks/main.yml")]
    return sorted(name for name in roles if not name.startswith(HELPERS))


def _play(workspace: Workspace, target: str) -> Check:
    folder = workspace.folder_for(f"modules/{target}")
    output = folder / "output"
    output.mkdir()
    host = {"ansible_connection": "local", "ansible_python_interpreter": str(places.python("test"))}
    inventory = {"all": {"hosts": {"testhost": host}, "vars": {"output_dir": str(output)}}}
    play = [{"name": target, "hosts": "testhost", "gather_facts": False, "roles": [target]}]
    (folder / "inventory.json").write_text(json.dumps(inventory))
    (folder / "play.yml").write_text(json.dumps(play))
    surroundings = {
        "ANSIBLE_COLLECTIONS_PATH": str(workspace.collections),
        "ANSIBLE_CONFIG": str(folder / "none.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_ROLES_PATH": str(workspace.collection / TARGETS),
    }
    program = places.venv("test") / "bin" / "ansible-playbook"
    argv = (PRIVATE, program, "-v", "--diff", "-i", folder / "inventory.json", folder / "play.yml")
    return Check(target, argv, folder, surroundings)


def _ansible_test(workspace: Workspace, target: str) -> Check:
    tools = places.venv("test") / "bin"
    argv = (PRIVATE, tools / "ansible-test", "integration", "--local", "--allow-destructive", "--color", "no", target)
    surroundings = {"HOME": str(workspace.home), "PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin"}
    return Check(f"ansible-test integration {target}", argv, workspace.collection, surroundings)
