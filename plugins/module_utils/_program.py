# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that is loaded but not attached yet: what would run on an interface."""

from __future__ import annotations

import contextlib
import errno
import os
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._bpf import prog_info
from ansible_collections.vos.fastpath.plugins.module_utils._clock import ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
from ansible_collections.vos.fastpath.plugins.module_utils._paths import require_trusted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config

__all__ = ("Candidate", "load")

_ELF_BPF = b"\xf7\x00"  # e_machine EM_BPF, little-endian, at byte 18 of the file


class Candidate(t.NamedTuple):
    """A loaded program. Its file descriptor is valid until the end of the C(with) block it came from."""

    fd: int
    prog_id: int
    tag: str


@contextlib.contextmanager
def load(path: str, config: Config, reuse: t.Mapping[str, int]) -> t.Iterator[Candidate]:
    """Load the object with this configuration, on these maps (by name: file descriptors). Raises FastpathError."""
    _check_file(path)
    try:
        with _loaded(path, config, reuse, frags=True) as candidate:
            yield candidate
            return
    except _FragsRefused:
        pass
    with _loaded(path, config, reuse, frags=False) as candidate:
        yield candidate


class _FragsRefused(Exception):
    """The kernel said EINVAL: before 5.18 it does not know the flag. If it was something else, the next try says so."""


@contextlib.contextmanager
def _loaded(path: str, config: Config, reuse: t.Mapping[str, int], frags: bool) -> t.Iterator[Candidate]:
    with BpfObject(path) as opened:
        opened.configure(config.pack(frags, ticks_per_second()))
        for name, fd in reuse.items():
            opened.reuse_map(name, fd)
        if frags:
            opened.accept_frags()
        try:
            fd = opened.load()
        except FastpathError as error:
            if frags and error.details["errno"] == errno.EINVAL:
                raise _FragsRefused from error
            raise
        info = prog_info(fd)
        yield Candidate(fd, info.id, info.tag)


def _check_file(path: str) -> None:
    remedy = "Name the sip_logic.bpf.o that vos.fastpath.xdp_build made"
    require_trusted(path, remedy)
    try:
        with open(path, "rb") as stream:
            head = stream.read(20)
    except OSError as error:
        raise FastpathError(path, os.strerror(error.errno or 0), remedy) from error
    if not (head.startswith(b"\x7fELF") and head[18:20] == _ELF_BPF):
        raise FastpathError(path, "it is no BPF object (no ELF file for the machine BPF)", remedy)
