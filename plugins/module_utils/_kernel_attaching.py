# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel as xdp_attach and the command on the host see it: all of it, and what is attached there can be changed.

What only few tasks need is imported where it is needed: Ansible sends sources, which are compiled anew by each task.
"""

from __future__ import annotations

import contextlib
import os
import socket
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _bpf, _pins
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import device_mark
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_counting import CountingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_surveying import SurveyingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map

if t.TYPE_CHECKING:
    from ansible_collections.vos.fastpath.plugins.module_utils._program import Candidate
    from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config

__all__ = ("AttachingKernel",)


class AttachingKernel(CountingKernel, SurveyingKernel):
    """The real one."""

    def missing_capabilities(self) -> t.List[str]:
        """Return what of what attaching takes this process may not do."""
        from ansible_collections.vos.fastpath.plugins.module_utils._capabilities import missing_capabilities

        return missing_capabilities()

    def mounted(self) -> bool:
        """Whether there is a BPF filesystem for the pins."""
        return _pins.mounted()

    @contextlib.contextmanager
    def opened(self, prog_id: int) -> t.Iterator[int]:
        """Hold a file descriptor of a program."""
        fd = _bpf.prog_by_id(prog_id)
        try:
            yield fd
        finally:
            os.close(fd)

    def load(self, path: str, config: Config, reuse: t.Mapping[str, int]) -> t.ContextManager[Candidate]:
        """Load an object. Raises FastpathError."""
        from ansible_collections.vos.fastpath.plugins.module_utils._program import load

        return load(path, config, reuse)

    def add(self, opened: Map, words: t.Sequence[int], rows: t.Iterable[t.Tuple[bytes, t.Sequence[int]]]) -> None:
        """Add to the 64-bit words (by position in the value) of each entry, whoever else counts there. Raises C(OSError)."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _adder

        _adder.add(opened.fd, opened.shape.key_size, words, rows)

    def interface_map(self, ifindex: int, name: str) -> t.Optional[Map]:
        """Open a map of an interface by its pin."""
        return _pins.open_pinned(_pins.interface_path(ifindex, name))

    def pinned_interfaces(self) -> t.List[int]:
        """Return the numbers of the interfaces for which anything is pinned."""
        return _pins.interface_folders()

    def is_left_over(self, ifindex: int) -> bool:
        """Whether what is pinned for an interface was made for one that is no more; another one may have its number now."""
        mark = device_mark(ifindex)
        return mark is None or _pins.made_for(_pins.folder(ifindex)) not in ("", mark)

    def forget(self, ifindex: t.Optional[int] = None) -> None:
        """Remove the pins of an interface; without one every pin, the lists included."""
        _pins.remove(_pins.folder(ifindex))

    def way_to(self, address: str, source: t.Optional[str] = None) -> t.Optional[str]:
        """Return the interface that packets from one of our addresses to another one leave by; V(none) where there is no way."""
        from ansible_collections.vos.fastpath.plugins.module_utils._way_back import way_to

        ifindex = way_to(address, source)
        return None if ifindex is None else socket.if_indextoname(ifindex)

    def dead_man(self, seconds: int, undo: t.Any, programs: t.Collection[int]) -> t.ContextManager[str]:
        """Make a change to these programs within, which is undone in so many seconds unless it is confirmed."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _dead_man, _netlink

        _netlink.prepare()  # the files of the module are gone by then
        return _dead_man.dead_man(seconds, undo, programs)

    def unconfirmed(self) -> t.Optional[str]:
        """Return the token of the change that may still be undone."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _dead_man

        return _dead_man.waiting()

    def confirm(self, token: str) -> t.Optional[str]:
        """Confirm a change. Returns V(none) if it stays, else what became of it, in words."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _dead_man

        return _dead_man.confirm(token)

    def attach(self, ifindex: int, mode: str, prog_fd: int, expected_fd: int) -> None:
        """Put a program in place of exactly the expected one. Raises Refused."""
        from ansible_collections.vos.fastpath.plugins.module_utils import _netlink

        _netlink.attach(ifindex, mode, prog_fd, expected_fd)
