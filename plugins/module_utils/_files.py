# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small files of root's, written as a whole or not at all, and never through what somebody else put there."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of, remedy_of

__all__ = ("append", "make_folder", "read", "remove", "replaced", "write")

_FRESH, _OLD = ".new", ".old"
_REMEDY = "Give it to root alone (chown root, chmod go-w), or remove it"


def read(path: str, errors: str = "strict") -> t.Optional[str]:
    """Return what is in a file; V(none) where there is none. Raises FastpathError where it is not root's own.

    C(errors) as open() has it: what becomes of bytes that are no text.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FastpathError(path, reason_of(error), _REMEDY) from error
    with open(fd, encoding="utf-8", errors=errors) as stream:
        _check(path, os.fstat(fd), stat.S_ISREG, "a file")
        try:
            return stream.read()
        except ValueError as error:
            raise FastpathError(path, "it is no text: %s" % error, "Correct it, or let the next play write it") from error


def write(path: str, text: t.Union[str, bytes], mode: int = 0o644) -> None:
    """Put this in place of what is there; whoever reads meanwhile, or after a power cut, finds the one or the other."""
    folder = os.path.dirname(path)
    _check(folder, _seen(folder), stat.S_ISDIR, "a folder")
    fresh = path + _FRESH
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb") as stream:
            stream.write(text.encode("utf-8") if isinstance(text, str) else text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(fresh, path)
        _sync(folder)
    except OSError as error:
        raise FastpathError(path, reason_of(error), remedy_of(error, "Make room, then run it again")) from error


@contextlib.contextmanager
def replaced(path: str, text: str) -> t.Iterator[None]:
    """Write a file for what is done within; where that fails, it is again what it was."""
    old = path + _OLD
    with contextlib.suppress(FileNotFoundError):
        os.unlink(old)
    with contextlib.suppress(FileNotFoundError):
        os.link(path, old)
    write(path, text)
    try:
        yield
    except BaseException:
        if os.path.lexists(old):
            os.rename(old, path)
        else:
            os.unlink(path)
        _sync(os.path.dirname(path))
        raise
    with contextlib.suppress(FileNotFoundError):
        os.unlink(old)


def append(path: str, text: str, sync: bool = True) -> int:
    """Add to a file of lines and return how long it was before, for os.truncate(). A line that a power cut tore is ended first."""
    folder = os.path.dirname(path)
    _check(folder, _seen(folder), stat.S_ISDIR, "a folder")
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            _check(path, os.fstat(fd), stat.S_ISREG, "a file")
            size = os.fstat(fd).st_size
            torn = size and os.pread(fd, 1, size - 1) != b"\n"
            try:
                _write_all(fd, (("\n" if torn else "") + text).encode("utf-8"))
                if sync:
                    os.fsync(fd)
            except OSError:
                os.ftruncate(fd, size)  # whoever is told that it failed must not find half of it done
                raise
        finally:
            os.close(fd)
    except OSError as error:
        raise FastpathError(path, reason_of(error), remedy_of(error, "Make room, then run it again")) from error
    return size


def _write_all(fd: int, data: bytes) -> None:
    """As write(2) takes as much as there is room for, and says why not all only when it is asked again."""
    while data:
        data = data[os.write(fd, data):]


def make_folder(path: str) -> bool:
    """Make a folder that only root can write to; whether it was not there."""
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        _check(path, _seen(path), stat.S_ISDIR, "a folder")
        return False
    except OSError as error:
        raise FastpathError(path, reason_of(error), "Make the folder above it first") from error
    os.chmod(path, 0o755)  # whatever the umask
    return True


def remove(path: str) -> bool:
    """Remove a file, and what a killed writer left beside it; whether there was one."""
    for rest in (_FRESH, _OLD):
        with contextlib.suppress(OSError):
            os.unlink(path + rest)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FastpathError(path, reason_of(error), "See what is there") from error
    return True


def _seen(path: str) -> os.stat_result:
    try:
        return os.lstat(path)
    except OSError as error:
        raise FastpathError(path, reason_of(error), "Install persistence with vos.fastpath.xdp_host first") from error


def _check(path: str, found: os.stat_result, is_kind: t.Callable[[int], bool], kind: str) -> None:
    if not is_kind(found.st_mode) or found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        raise FastpathError(path, "it has to be %s that belongs to root and that only root can write to" % kind, _REMEDY)


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
