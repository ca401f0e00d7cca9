# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible sends to a host along with a module: all that is imported anywhere in it, and a host reads it before the module begins."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

UNITS = "ansible_collections.vos.fastpath.plugins.module_utils"
ATTACHING = {"_attach", "_change", "_dead_man", "_devices", "_kernel_attaching", "_levels", "_libbpf", "_netlink", "_outlook", "_plan", "_program"}
COUNTING = {"_counts", "_kernel_counting", "_once", "_stats", "_top_sources"}
SAVING = {"_files", "_local", "_saved"}


def imported(path: Path) -> set[str]:
    """The units that a source names: at its head, where it needs them, or for types only. Ansible makes no difference."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            folder, _dot, unit = node.module.rpartition(".")
            found |= {alias.name for alias in node.names} if node.module == UNITS else {unit} if folder == UNITS else set()
    return found


def sent(root: Path, module: str) -> set[str]:
    """The units that a host gets with a module."""
    plugins = root / "plugins"
    found, left = set(), imported(plugins / "modules" / f"{module}.py")
    while left:
        found |= left
        left = set().union(*(imported(plugins / "module_utils" / f"{unit}.py") for unit in left)) - found
    return found


def test_what_only_attaching_needs_is_sent_with_xdp_attach(root: Path) -> None:
    assert sent(root, "xdp_attach") >= ATTACHING


@pytest.mark.parametrize("module", ["xdp_stats", "xdp_allowlist", "xdp_blocklist", "xdp_host"])
def test_what_only_attaching_needs_is_not_sent_with_other_modules(root: Path, module: str) -> None:
    assert sent(root, module) & ATTACHING == set()


@pytest.mark.parametrize("module", ["xdp_allowlist", "xdp_blocklist"])
def test_counting_is_sent_with_statistics_and_not_with_lists(root: Path, module: str) -> None:
    assert sent(root, "xdp_stats") >= COUNTING
    assert sent(root, module) & COUNTING == set()


@pytest.mark.parametrize("module", ["xdp_allowlist", "xdp_blocklist"])
def test_saving_is_sent_with_lists_and_not_with_statistics(root: Path, module: str) -> None:
    assert sent(root, module) >= SAVING
    assert sent(root, "xdp_stats") & SAVING == set()
