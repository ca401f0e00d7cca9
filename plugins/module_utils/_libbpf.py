# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading a BPF object with libbpf (1.0 or later).

The object's C(.rodata) holds C(config) and nothing else, so that its initial value is one packed struct.
"""

from __future__ import annotations

import ctypes
import os
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import PROGRAM_NAME
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("BpfObject", "version")

_OBJECT_NAME = b"sip"  # fixed, so that .rodata is called the same whatever the file is called
_RODATA = b".rodata"
_HAS_FRAGS = 1 << 5  # BPF_F_XDP_HAS_FRAGS, linux/bpf.h
_LIBBPF_ERRORS = 4000  # __LIBBPF_ERRNO__START
_LOG_LINES = 12

_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_log: t.List[str] = []
_library: t.Optional[ctypes.CDLL] = None


class _OpenOptions(ctypes.Structure):
    _fields_ = [("sz", ctypes.c_size_t), ("object_name", ctypes.c_char_p)]


def _keep_log(level: int, template: bytes, arguments: int) -> int:
    line = ctypes.create_string_buffer(1 << 16)
    written = int(_libc.vsnprintf(line, ctypes.c_size_t(len(line)), template, ctypes.c_void_p(arguments)))
    if level < 2:  # LIBBPF_WARN, LIBBPF_INFO; debug is not for people
        _log.append(line.value.decode("utf-8", "replace"))
    return written


_libc = ctypes.CDLL(None)
_callback = _PRINT(_keep_log)  # libbpf keeps only the pointer


def _libbpf() -> ctypes.CDLL:
    global _library
    if _library is None:
        try:
            library = ctypes.CDLL("libbpf.so.1", use_errno=True)
        except OSError as error:
            raise FastpathError(
                "libbpf.so.1", str(error), "Install libbpf 1.0 or later (Debian: libbpf1, RHEL: libbpf) on this host"
            ) from error
        pointers = ("bpf_object__open_file", "bpf_object__find_map_by_name", "bpf_object__find_program_by_name")
        for name in pointers:
            getattr(library, name).restype = ctypes.c_void_p
        library.bpf_map__name.restype = ctypes.c_char_p
        library.libbpf_version_string.restype = ctypes.c_char_p
        library.libbpf_set_print(_callback)
        _library = library
    return _library


def version() -> str:
    """Return libbpf's version, as in C(1.1)."""
    return str(_libbpf().libbpf_version_string().decode()).lstrip("v")


class BpfObject:
    """A BPF object file: opened, configured, loaded. What it loaded lives as long as something refers to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lib = _libbpf()
        _log.clear()
        options = _OpenOptions(ctypes.sizeof(_OpenOptions), _OBJECT_NAME)
        self._object = self._lib.bpf_object__open_file(os.fsencode(path), ctypes.byref(options))
        if not self._object:
            raise FastpathError(
                path, "libbpf can't open it as a BPF object: " + _reason(ctypes.get_errno()), "Build it again", log=_tail()
            )

    def __enter__(self) -> BpfObject:
        return self

    def __exit__(self, *exception: object) -> None:
        self._lib.bpf_object__close(ctypes.c_void_p(self._object))

    def configure(self, config: bytes) -> None:
        """Set C(config), the object's read-only data."""
        self._check("set the configuration of", self._lib.bpf_map__set_initial_value(
            self._map(_OBJECT_NAME + _RODATA), config, ctypes.c_size_t(len(config))
        ))

    def accept_frags(self) -> None:
        """Say that the program can take frames of several buffers (jumbo MTU); kernel 5.18 or later."""
        self._check("set the flags of", self._lib.bpf_program__set_flags(self._program(), ctypes.c_uint32(_HAS_FRAGS)))

    def reuse_map(self, name: str, fd: int) -> None:
        """Use this map instead of making a new one."""
        self._check("use the map %s of" % name, self._lib.bpf_map__reuse_fd(self._map(name.encode()), ctypes.c_int(fd)))

    def load(self) -> int:
        """Load it and return the program's file descriptor, valid until the end of the C(with) block."""
        _log.clear()
        self._check("load", self._lib.bpf_object__load(ctypes.c_void_p(self._object)))
        return int(self._lib.bpf_program__fd(self._program()))

    def map_fd(self, name: str) -> int:
        """Return the file descriptor of a loaded map, valid until the end of the C(with) block."""
        return int(self._lib.bpf_map__fd(self._map(name.encode())))

    def _map(self, name: bytes) -> ctypes.c_void_p:
        return self._found("map", name, self._lib.bpf_object__find_map_by_name(ctypes.c_void_p(self._object), name))

    def _program(self) -> ctypes.c_void_p:
        name = PROGRAM_NAME.encode()
        found = self._lib.bpf_object__find_program_by_name(ctypes.c_void_p(self._object), name)
        return self._found("program", name, found)

    def _found(self, kind: str, name: bytes, pointer: t.Optional[int]) -> ctypes.c_void_p:
        if not pointer:
            reason = "it has no %s %s, so it is not an object of this collection" % (kind, name.decode())
            raise FastpathError(self.path, reason, "Build it with vos.fastpath.xdp_build")
        return ctypes.c_void_p(pointer)

    def _check(self, action: str, code: int) -> None:
        if code < 0:
            from ansible_collections.vos.fastpath.plugins.module_utils._verifier_log import verdict

            reason, said = "the kernel or libbpf refused to %s it: %s" % (action, _reason(-code)), verdict(_lines())
            if said:
                reason += ". The verifier: " + said
            raise FastpathError(self.path, reason, _remedy(-code, said), log=_tail(), errno=-code)


def _reason(code: int) -> str:
    return "error %d of libbpf" % code if code >= _LIBBPF_ERRORS else os.strerror(code)


def _remedy(code: int, said: t.Optional[str]) -> str:
    if said:
        return "Build the object again on this host; if that does not help, report it with the result's log"
    if code == 1:
        return "Loading needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"
    tail = _tail()
    return "The end of the log: %s" % tail if tail else "Build the object again on this host"


def _tail() -> str:
    """Return the part of libbpf's log that matters: the last lines, where the verifier says why."""
    return "\n".join(_lines()[-_LOG_LINES:])


def _lines() -> t.List[str]:
    return [line.rstrip() for text in _log for line in text.splitlines() if line.strip()]
