# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible sends to a host along with a module: all that is imported anywhere in it, and a host reads it before the module begins."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

UNITS = "ansible_collections.vos.fastpath.plugins.module_utils"
SURVEYING = {"_devices", "_kernel_surveying", "_levels", "_outlook", "_preflight"}
ATTACHING = {"_attach", "_change", "_dead_man", "_kernel_attaching", "_migrate", "_netlink", "_program"}
COUNTING = {"_counts", "_kernel_counting", "_once", "_stats", "_top_sources"}
SAVING = {"_files", "_local", "_saved"}


def imported(path: Path) -> set[str]:
    """The units that a source names: at its head, where it needs them, or for types only. Ansible makes no difference."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == UNITS:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(UNITS + "."):
            found.add(node.module.rpartition(".")[2])
    return found


def sent(root: Path, module: str) -> set[str]:
    """The units that a host gets with a module."""
    plugins = root / "plugins"
    found, left = set(), imported(plugins / "modules" / f"{module}.py")
    while left:
        found |= left
        left = set().union(*(imported(plugins / "module_utils" / f"{unit}.py") for unit in left)) - found
    return found


def test_xdp_attach_is_sent_with_all_that_attaching_needs(root: Path) -> None:
    assert sent(root, "xdp_attach") >= ATTACHING | SURVEYING


def test_xdp_info_is_sent_without_what_only_attaching_needs(root: Path) -> None:
    assert sent(root, "xdp_info") >= SURVEYING
    assert sent(root, "xdp_info") & (ATTACHING | COUNTING) == set()


@pytest.mark.parametrize("module", ["xdp_stats", "xdp_allowlist", "xdp_blocklist", "xdp_host"])
def test_other_modules_are_sent_without_devices_as_well(root: Path, module: str) -> None:
    assert sent(root, module) & (ATTACHING | SURVEYING) == set()


@pytest.mark.parametrize("module", ["xdp_allowlist", "xdp_blocklist"])
def test_lists_are_sent_without_counting(root: Path, module: str) -> None:
    assert sent(root, "xdp_stats") >= COUNTING
    assert sent(root, module) & COUNTING == set()


@pytest.mark.parametrize("module", ["xdp_allowlist", "xdp_blocklist"])
def test_statistics_are_sent_without_saving(root: Path, module: str) -> None:
    assert sent(root, module) >= SAVING
    assert sent(root, "xdp_stats") & SAVING == set()
