# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts that only read: style, types, documentation, changelog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workshop import places, tree
from workshop.check import Check
from workshop.workspace import Workspace

SHELLS = (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash")


def lint(workspace: Workspace) -> Iterator[Check]:
    """Playbooks, roles, YAML, shell and Python."""
    linter = places.venv("lint") / "bin"
    ansible = {
        "HOME": str(workspace.home),
        "ANSIBLE_COLLECTIONS_PATH": str(workspace.collections),
        "PATH": f"{linter}:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    where = workspace.collection
    yield Check("ansible-lint", (linter / "ansible-lint", "--offline", "--profile", "production", "--strict"), where, ansible)
    yield Check("yamllint", (linter / "yamllint", "--strict", "."), where)
    yield Check("ruff", (places.venv("types") / "bin" / "ruff", "check", "--no-cache", "."), where)
    yield Check("shellcheck", ("shellcheck", *shell_scripts()))


def shell_scripts() -> list[str]:
    """By the first line: few have a suffix."""
    return [name for name in tree.files() if _first_line(places.ROOT / name).startswith(SHELLS)]


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(100)


def types(workspace: Workspace) -> Iterator[Check]:
    """mypy, strictly: the plugins by their full names, and the programs of the checkout."""
    options = ("--config-file", workspace.collection / "pyproject.toml")
    cache = {"MYPY_CACHE_DIR": str(places.CACHE / "mypy")}
    mypy = (places.python("types"), "-m", "mypy", *options)
    # The folder it runs in names the modules: ansible_collections.vos.fastpath.plugins..., but lab and workshop.
    yield Check("mypy, plugins", (*mypy, workspace.collection / "plugins"), workspace.collections, cache)
    programs = [folder for folder in ("lab", "script/lib") if (workspace.collection / folder).is_dir()]
    paths = {"MYPYPATH": f"{workspace.collections}:{workspace.collection / 'script' / 'lib'}"}
    yield Check("mypy, programs", (*mypy, *programs), workspace.collection, cache | paths)


def docs(workspace: Workspace) -> Iterator[Check]:
    """Documentation of modules and roles: markup, links, options that exist."""
    tools = places.venv("docs") / "bin"
    options = ("--plugin-docs", "--validate-collection-refs", "all", "--disallow-unknown-collection-refs", "--skip-rstcheck")
    environment = {"HOME": str(workspace.home), "PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin"}
    yield Check("antsibull-docs", (tools / "antsibull-docs", "lint-collection-docs", *options, "."), workspace.collection, environment)


def changelog(workspace: Workspace) -> Iterator[Check]:
    """Fragments and the changelog made of them."""
    tools = places.venv("docs") / "bin"
    environment = {"HOME": str(workspace.home), "PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin"}
    yield Check("antsibull-changelog", (tools / "antsibull-changelog", "lint"), workspace.collection, environment)
