# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The BPF link that holds an XDP program, where one does: then the kernel lets nobody else replace or detach it."""

from __future__ import annotations

import ctypes
import os
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._bpf import attributes, bpf

__all__ = ("xdp_link",)

_INFO, _LINK_BY_ID, _NEXT_LINK = 15, 30, 31  # BPF_OBJ_GET_INFO_BY_FD, BPF_LINK_GET_FD_BY_ID, BPF_LINK_GET_NEXT_ID
_TYPE_XDP = 6
_INFO_SIZE = 64


def xdp_link(ifindex: int, prog_id: int, link_ids: t.Optional[t.Iterable[int]] = None) -> t.Optional[int]:
    """Return the id of the link that holds this program on this interface, V(none) where none does or none can be asked for."""
    for link_id in _link_ids() if link_ids is None else link_ids:
        try:
            fd = bpf(_LINK_BY_ID, attributes("I", link_id))
        except OSError:
            continue  # gone meanwhile
        try:
            info = ctypes.create_string_buffer(_INFO_SIZE)
            bpf(_INFO, attributes("IIQ", fd, _INFO_SIZE, ctypes.addressof(info)))
        finally:
            os.close(fd)
        # struct bpf_link_info: type, id, program; what follows depends on the type and is aligned to 8 bytes.
        if struct.unpack_from("=I4xI4xI", info.raw) == (_TYPE_XDP, prog_id, ifindex):
            return link_id
    return None


def _link_ids() -> t.Iterator[int]:
    attr = attributes("II", 0, 0)
    while True:
        try:
            bpf(_NEXT_LINK, attr)
        except OSError:
            return
        found = struct.unpack_from("=4xI", attr.raw)[0]
        yield found
        attr = attributes("II", found, 0)
