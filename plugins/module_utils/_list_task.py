# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_allowlist and xdp_blocklist: one list made as wanted."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefixes
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings

__all__ = ("ALLOWLIST_SPEC", "BLOCKLIST_SPEC", "list_task")

BLOCKLIST_SPEC: t.Dict[str, t.Any] = {
    "entries": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent", "exact"], "default": "present"},
}
ALLOWLIST_SPEC = dict(BLOCKLIST_SPEC, allow_empty={"type": "bool", "default": False})


def list_task(
    name: str, params: t.Dict[str, t.Any], check: bool, kernel: t.Optional[Kernel] = None
) -> t.Dict[str, t.Any]:
    """Change the list V(allow) or V(block), and say what was done. Raises FastpathError before any change."""
    kernel = kernel or Kernel()
    wanted = parse_prefixes(params["entries"])
    current = _lists.read(kernel)
    changes = _lists.plan(current, wanted, name, params["state"])
    after = _lists.after(current, name, changes)
    if name == "allow" and changes.remove and not _lists.sizes(after)["allow"] and not params["allow_empty"]:
        _check_stealth(kernel)
    gate = _lists.read_gate(kernel)
    repair = gate is not None and gate != _lists.gate_of(current)
    if (repair or any(changes)) and not check:
        _lists.apply(kernel, current, after)
    return _result(name, current, after, changes, len(params["entries"]) - len(wanted), repair)


def _check_stealth(kernel: Kernel) -> None:
    """Refuse to take the last entry away from under a filter that drops requests from everybody else."""
    for name in kernel.interfaces():
        program = kernel.attached(kernel.interface(name).ifindex)
        if program is None or not program.ours:
            continue
        stealth = Settings.unpack(kernel.read_first(program.maps["xdp_settings"])).stealth
        if stealth:
            raise FastpathError(
                "entries",
                "the allowlist would be empty, and %s drops %s from everybody who is not on it" % (name, ", ".join(stealth)),
                "Keep an entry, or set allow_empty=true if this is meant. Nothing was changed",
            )


def _result(
    name: str, current: _lists.Entries, after: _lists.Entries, changes: _lists.Changes, duplicates: int, repair: bool
) -> t.Dict[str, t.Any]:
    listed = {key: _texts(entries, name) for key, entries in (("before", current), ("after", after))}
    actions = ["add " + str(prefix) for prefix in changes.add] + ["remove " + str(prefix) for prefix in changes.remove]
    if repair:
        actions.append("correct the sizes that the program goes by")
    return {
        "changed": bool(actions),
        "actions": actions,
        "added": [str(prefix) for prefix in changes.add],
        "removed": [str(prefix) for prefix in changes.remove],
        "duplicates": duplicates,
        "size": len(listed["after"]),
        "diff": {key: "".join(text + "\n" for text in texts) for key, texts in listed.items()},
    }


def _texts(entries: _lists.Entries, name: str) -> t.List[str]:
    bit = LISTS[name]
    listed: t.List[Prefix] = sorted(prefix for prefix, entry in entries.items() if entry.lists & bit)
    return [str(prefix) for prefix in listed]
