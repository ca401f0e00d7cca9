# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection says of itself agrees with what is in it."""

from __future__ import annotations

from pathlib import Path

import yaml


def test_every_module_is_in_the_action_group(root: Path) -> None:
    runtime = yaml.safe_load((root / "meta" / "runtime.yml").read_text())
    modules = sorted(path.stem for path in (root / "plugins" / "modules").glob("*.py"))
    assert runtime["action_groups"] == {"fastpath": modules}


def test_every_action_plugin_belongs_to_a_module(root: Path) -> None:
    modules = {path.stem for path in (root / "plugins" / "modules").glob("*.py")}
    actions = {path.stem for path in (root / "plugins" / "action").glob("*.py")}
    assert actions <= modules


def test_modules_run_on_the_python_of_the_oldest_supported_debian(root: Path) -> None:
    config = yaml.safe_load((root / "tests" / "config.yml").read_text())
    assert config["modules"]["python_requires"] == ">=3.9"


def test_every_licence_named_is_there(root: Path) -> None:
    galaxy = yaml.safe_load((root / "galaxy.yml").read_text())
    assert {path.stem for path in (root / "LICENSES").glob("*.txt")} == set(galaxy["license"])
