# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that is attached on this host."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface

if t.TYPE_CHECKING:
    from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program

__all__ = ("attachments",)


def attachments(kernel: Kernel) -> t.Iterator[t.Tuple[Interface, Program]]:
    """Return every interface that carries a program, and that; one that goes while it is looked at, as those of containers do, carries none."""
    for name in kernel.interfaces():
        try:
            interface = kernel.interface(name)
        except FastpathError:
            continue
        program = kernel.attached(interface.ifindex)
        if program is not None:
            yield interface, program
