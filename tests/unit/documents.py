# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection says of its modules and its role, as data."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "vos_fastpath"
NAMES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


def module(name: str) -> ModuleType:
    """The module itself."""
    return importlib.import_module("ansible_collections.vos.fastpath.plugins.modules." + name)


def argument_spec(name: str) -> dict[str, dict[str, Any]]:
    """What it takes, as it tells Ansible."""
    [spec] = [value for key, value in vars(module(name)).items() if key.endswith("_SPEC")]
    return spec


def documentation(name: str) -> dict[str, Any]:
    """What its documentation says, with the fragments it extends."""
    own: dict[str, Any] = yaml.safe_load(module(name).DOCUMENTATION)
    fragments = [fragment(each.rpartition(".")[2]) for each in own["extends_documentation_fragment"]]
    for key in ("options", "attributes"):
        merged: dict[str, dict[str, Any]] = {}
        for part in (*fragments, own):
            for option, words in part.get(key, {}).items():
                merged[option] = {**merged.get(option, {}), **words}
        own[key] = merged
    return own


def fragment(name: str) -> dict[str, Any]:
    """What several modules say."""
    found = importlib.import_module("ansible_collections.vos.fastpath.plugins.doc_fragments." + name)
    return yaml.safe_load(found.ModuleDocFragment.DOCUMENTATION)


def returned(name: str) -> dict[str, Any]:
    """What it says of its results."""
    return yaml.safe_load(module(name).RETURN)


def examples(name: str) -> list[dict[str, Any]]:
    """The tasks it gives as examples."""
    return yaml.safe_load(module(name).EXAMPLES)


def of_role(path: str) -> Any:
    """A file of the role."""
    return yaml.safe_load((ROLE / path).read_text())


def parameters(name: str, **given: Any) -> dict[str, Any]:
    """What a module is handed by Ansible, where a task says this much."""
    defaults = {key: option.get("default") for key, option in argument_spec(name).items()}
    assert given.keys() <= defaults.keys(), "there is no such option"
    return {**defaults, **given}
