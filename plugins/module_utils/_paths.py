# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether root can trust a path: nobody else can change what it leads to."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("invoking_user", "require_trusted")

_LINKS = 40  # as the kernel follows, path_resolution(7)
_OTHERS = 0o022


def invoking_user() -> t.Tuple[int, ...]:
    """Return who became root by sudo(8) to run this; nobody without it."""
    uid = os.environ.get("SUDO_UID", "")
    return (int(uid),) if uid.isascii() and uid.isdigit() else ()


def require_trusted(path: str, remedy: str, users: t.Iterable[int] = ()) -> None:
    """Raise FastpathError where somebody but root (and these users) could put something else there, by a link or a folder on the way.

    What can't be looked at can't be opened either, and what is not there yet can't be changed.
    In a folder with the sticky bit, as C(/tmp), an entry is its owner's.
    """
    trusted = {0, os.geteuid(), *users}
    parts = [part for part in reversed(os.path.join(os.getcwd(), path).split("/")) if part not in ("", ".")]
    here, links = "/", 0
    try:
        _check("/", os.lstat("/"), trusted, remedy)
        while parts:
            part = parts.pop()
            here = os.path.dirname(here) if part == ".." else os.path.join(here, part)
            found = os.lstat(here)
            _check(here, found, trusted, remedy)
            if stat.S_ISLNK(found.st_mode):
                links += 1
                if links > _LINKS:
                    raise FastpathError(path, "it leads through too many links", remedy)
                target = os.readlink(here)
                here = "/" if target.startswith("/") else os.path.dirname(here)
                parts += [each for each in reversed(target.split("/")) if each not in ("", ".")]
    except (OSError, ValueError):  # a zero byte in it
        return


def _check(path: str, found: os.stat_result, trusted: t.Set[int], remedy: str) -> None:
    writable = found.st_mode & _OTHERS and not stat.S_ISLNK(found.st_mode)
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_uid not in trusted or writable and not sticky:
        raise FastpathError(path, "others than root can put something else in its place", remedy)
