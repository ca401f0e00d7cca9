# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel as xdp_stats sees it: what was counted too, and zeroing that."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import receive_queues, statistics
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel

__all__ = ("CountingKernel",)


class CountingKernel(Kernel):
    """The real one."""

    def statistics(self, name: str) -> t.Dict[str, int]:
        """Return the interface's own counters."""
        return statistics(name)

    def receive_queues(self, name: str) -> int:
        """Return how many receive queues an interface has."""
        return receive_queues(name)

    def sockets(self, map_id: int, queues: int) -> t.Dict[int, int]:
        """Return which queue the AF_XDP socket is bound to that a XSKMAP has under a number, of these many."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _once

        return _once.sockets(map_id, queues)

    def taking(self, counters: int, stats: int, top: int) -> t.ContextManager[t.Callable[[], t.List[int]]]:
        """Give a function that zeroes these maps (by id) and returns what was in the first two, of all CPUs together."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _once

        return _once.taking(counters, stats, top)

    def unreachable_cpus(self) -> t.List[int]:
        """Return the CPUs whose counts can't be taken now."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _once

        return _once.unreachable_cpus()
