# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command as one file: a zip of the collection's own units that Python runs, with what this host's Python compiled of them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.util
import io
import os
import py_compile
import sys
import tempfile
import typing as t
import zipfile

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("is_made_of", "make", "pack", "unpack")

_DATE = (1980, 1, 1, 0, 0, 0)  # equal sources make equal bytes


def pack(sources: t.Mapping[str, str]) -> str:
    """Return sources (by path in the zip) as text for a module's parameters."""
    return base64.b64encode(_zip({name: text.encode("utf-8") for name, text in sources.items()}, b"")).decode("ascii")


def unpack(text: str) -> t.Dict[str, bytes]:
    """Read what pack() was given. Raises FastpathError for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(text, validate=True))) as packed:
            return {name: packed.read(name) for name in packed.namelist()}
    except (ValueError, zipfile.BadZipFile) as error:
        reason = "it is not what the action plugin makes (%s)" % error
        raise FastpathError("packed", reason, "Run the module by its full name vos.fastpath.xdp_host, and leave packed alone") from error


def make(sources: t.Mapping[str, bytes]) -> bytes:
    """Return the program. Compiled beforehand it starts in half the time; another Python than this compiles it again."""
    files = dict(sources)
    with tempfile.TemporaryDirectory() as work:
        for name, source in sources.items():
            files[name + "c"] = _compiled(work, name, source)
    return b"#!%s -I\n" % os.fsencode(_python()) + _zip(files, _stamp(sources))


def is_made_of(path: str, sources: t.Mapping[str, bytes]) -> bool:
    """Whether a file is the program, made of these by this Python, and whole."""
    with contextlib.suppress(OSError, zipfile.BadZipFile):
        with zipfile.ZipFile(path) as made:
            return made.comment == _stamp(sources) and made.testzip() is None
    return False


def _compiled(work: str, name: str, source: bytes) -> bytes:
    path = os.path.join(work, "source.py")
    with open(path, "wb") as stream:
        stream.write(source)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    made = py_compile.compile(path, path + "c", dfile=name, doraise=True, invalidation_mode=unchecked)
    with open(str(made), "rb") as stream:
        return stream.read()


def _python() -> str:
    """Return this Python by the name that it keeps: C(python3.11), which Ansible may have found, is gone when the host is upgraded."""
    lasting = os.path.join(os.path.dirname(sys.executable), "python3")
    with contextlib.suppress(OSError):
        return lasting if os.path.samefile(lasting, sys.executable) else sys.executable
    return sys.executable


def _stamp(sources: t.Mapping[str, bytes]) -> bytes:
    """What a program is made of. Compiled bytes would not do: the same source can be other bytes."""
    digest = hashlib.sha256(importlib.util.MAGIC_NUMBER + os.fsencode(_python()))
    for name, source in sorted(sources.items()):
        digest.update(b"%s\0%d\0%s" % (name.encode("utf-8"), len(source), source))
    return digest.hexdigest().encode("ascii")


def _zip(files: t.Mapping[str, bytes], comment: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in sorted(files.items()):
            made.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
        made.comment = comment
    return out.getvalue()
