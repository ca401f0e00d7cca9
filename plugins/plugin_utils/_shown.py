# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be seen of the facts of xdp_stats. Nothing of Ansible is imported here, so that it can be tested by itself."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._stats_summary import summary

__all__ = ("shown",)


def shown(result: t.Dict[str, t.Any], search: t.Optional[t.Callable[[t.Any], t.Any]], on_terminal: bool) -> t.Dict[str, t.Any]:
    """Return what is to be seen: the answer; or for the command C(ansible), after which nobody uses facts, the summary."""
    facts = result["ansible_facts"]["vos_fastpath"]
    rest = {key: value for key, value in result.items() if key != "ansible_facts"}
    if search is not None:
        return {**rest, "answer": search(facts)}
    return {**(rest if on_terminal else result), "summary": summary(facts)}
