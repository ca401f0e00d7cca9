# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that is known of an interface before anything is attached there, as plain data."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._holders import removal_of
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Program
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_surveying import SurveyingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._levels import resolve
from ansible_collections.vos.fastpath.plugins.module_utils._outlook import outlook
from ansible_collections.vos.fastpath.plugins.module_utils._preflight import in_the_way
from ansible_collections.vos.fastpath.plugins.module_utils._stack import above, below

__all__ = ("survey",)


def survey(kernel: SurveyingKernel, name: str, with_programs: bool = True) -> t.Dict[str, t.Any]:
    """Return what is known; without C(with_programs), as where libbpf is missing, nothing of programs. Raises FastpathError."""
    interface = kernel.interface(name)
    device = kernel.device(interface)
    found = outlook(device, kernel.release())
    program = kernel.attached(interface.ifindex) if with_programs else None
    around = [interface, *above(kernel, name), *below(kernel, name)] if with_programs else []
    protected = [each.name for each in around if _is_ours(kernel.attached(each.ifindex))]
    problems = [] if protected or not with_programs else [str(error) for error in in_the_way(kernel, interface)]
    return {
        **device.describe(),
        "xdp": None if program is None else _words(name, program),
        "protected_by": protected,
        "expected_mode": found.mode,
        "why": found.why,
        "remedy": found.remedy or None,
        "resolves_to": _resolved(kernel, name),
        "problems": problems,
    }


def _is_ours(program: t.Optional[Program]) -> bool:
    return program is not None and program.ours


def _words(name: str, program: Program) -> t.Dict[str, t.Any]:
    """A program and how it goes off again."""
    shown = ("mode", "prog_id", "name", "tag", "ours", "link_id", "uptime")
    return {**{key: getattr(program, key) for key in shown}, "removal": removal_of(name, program)}


def _resolved(kernel: SurveyingKernel, name: str) -> t.List[str]:
    try:
        return list(resolve(kernel, [name]))
    except FastpathError:
        return []
