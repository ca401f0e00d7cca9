# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules on real interfaces: each target of tests/integration/targets, played on localhost in namespaces of its own.

A target is what ansible-test takes for one: a role. ansible-test itself would play it in the machine's own network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from workshop import places
from workshop.check import Check
from workshop.pytests import ENVIRONMENTS, PRIVATE
from workshop.workspace import Workspace

TARGETS = Path("tests", "integration", "targets")
HELPERS = ("setup_", "prepare_")
"""Targets that others depend on; they are no tests."""


def checks(workspace: Workspace) -> Iterator[Check]:
    """Each target, once for each kind of pyroute2."""
    for target in targets(places.ROOT / TARGETS):
        for environment, words in ENVIRONMENTS.items():
            yield _play(workspace, target, environment, f"{target}, {words}")


def targets(folder: Path) -> list[str]:
    """The names of the targets that are tests."""
    roles = [path.parent.parent.name for path in folder.glob("*/tasks/main.yml")]
    return sorted(name for name in roles if not name.startswith(HELPERS))


def _play(workspace: Workspace, target: str, environment: str, name: str) -> Check:
    folder = workspace.folder_for(f"modules/{target}/{environment}")
    output = folder / "output"
    output.mkdir()
    interpreter = places.python(environment)
    host = {"ansible_connection": "local", "ansible_python_interpreter": str(interpreter)}
    variables = {"output_dir": str(output), "resource_prefix": "vosft", "ansible_test_interpreter": str(interpreter)}
    inventory = {"all": {"hosts": {"testhost": host}, "vars": variables}}
    play = [{"name": target, "hosts": "testhost", "gather_facts": True, "roles": [target]}]
    (folder / "inventory.json").write_text(json.dumps(inventory))
    (folder / "play.yml").write_text(json.dumps(play))
    surroundings = {
        "ANSIBLE_COLLECTIONS_PATH": str(workspace.collections),
        "ANSIBLE_CONFIG": str(folder / "none.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_ROLES_PATH": str(workspace.collection / TARGETS),
    }
    program = places.venv("test") / "bin" / "ansible-playbook"
    argv = (PRIVATE, program, "-v", "--diff", "-i", folder / "inventory.json", folder / "play.yml")
    return Check(name, argv, folder, surroundings)
