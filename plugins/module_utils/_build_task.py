# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Building the BPF object on the host it is for: vmlinux.h from the kernel's BTF, then clang.

Everything lies in one folder: C(src/) the source, C(build/) what is made of it, with a record (C(build.json)) of what it
was made from. Something is made again only when what it is made from is another.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import tempfile
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of, remedy_of
from ansible_collections.vos.fastpath.plugins.module_utils._paths import require_trusted

__all__ = ("ARGUMENT_SPEC", "DIRECTORY", "Tools", "build_task")

DIRECTORY = "/var/lib/vos-fastpath"
BTF = "/sys/kernel/btf/vmlinux"
OBJECT, HEADER, RECORD = "sip_logic.bpf.o", "vmlinux.h", "build.json"
SOURCE = "sip_logic.bpf.c"
PARTS = {"src": SOURCE, "build": RECORD}
"""The folders of ours, each with the file by which it is known as ours."""
_WORK = ".vos-fastpath-new-"
FLAGS = ("-target", "bpf", "-O2", "-mcpu=v3", "-g", "-Wall", "-Wextra", "-Werror")
UAPI_FLAGS = ("-DSIP_UAPI_HEADERS", "-I/usr/include/%s-linux-gnu" % platform.machine())
"""Where the kernel has no BTF: the headers of the distribution."""

ARGUMENT_SPEC: t.Dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "directory": {"type": "path", "default": DIRECTORY},
    "sources": {"type": "dict"},
    "clang": {"type": "str", "default": "clang"},
    "force": {"type": "bool", "default": False},
}


class Tools:
    """The programs that building takes. Each method is one call of one of them."""

    def __init__(self, clang: str) -> None:
        self._clang = clang

    def clang_version(self) -> str:
        """Return the first line of C(clang --version)."""
        return self._run([self._clang, "--version"], "clang").partition("\n")[0]

    def dump_btf(self, path: str) -> str:
        """Return vmlinux.h for the types of this BTF."""
        return self._run(["bpftool", "btf", "dump", "file", path, "format", "c"], "bpftool")

    def compile(self, flags: t.Sequence[str], source: str, output: str, folder: str) -> None:
        """Compile one C file, the names being relative to the folder."""
        self._run([self._clang, *flags, "-c", source, "-o", output], "clang", folder)

    def available(self) -> bool:
        """Whether clang is there."""
        return _which(self._clang) is not None

    @staticmethod
    def _run(command: t.List[str], package: str, folder: t.Optional[str] = None) -> str:
        program = _which(command[0])
        if program is None:
            raise FastpathError(command[0], "it is not installed on this host", "Install the package %s" % package)
        try:
            done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False, cwd=folder)
        except OSError as error:
            raise FastpathError(command[0], reason_of(error), "Name a %s that runs on this host" % package) from error
        if done.returncode:
            words = " ".join(command)
            reason = "it ended with %d: %s" % (done.returncode, done.stderr.strip()[-2000:])
            raise FastpathError(words, reason, "Nothing was replaced")
        return done.stdout


def build_task(params: t.Dict[str, t.Any], check: bool, tools: t.Optional[Tools] = None) -> t.Dict[str, t.Any]:
    """Build the object if what is there was made from something else, or remove it. Raises FastpathError."""
    _check_directory(params["directory"])
    _check_ours(params["directory"])
    if params["state"] == "absent":
        return _remove(params["directory"], check)
    return _bring(tools or Tools(params["clang"]), params, check)


def _bring(tools: Tools, params: t.Dict[str, t.Any], check: bool) -> t.Dict[str, t.Any]:
    directory, sources = params["directory"], params["sources"]
    _check_sources(sources)
    have_btf = os.path.exists(BTF)
    wanted = {
        "sources": {name: _digest(text.encode()) for name, text in sorted(sources.items())},
        "flags": list(FLAGS if have_btf else FLAGS + UAPI_FLAGS),
        "compiler": tools.clang_version() if tools.available() or not check else None,
        "btf": _digest_file(BTF) if have_btf else None,
    }
    build = os.path.join(directory, "build")
    record = _read_record(build)
    reasons = ["it was asked for"] if params["force"] else _differences(record, wanted)
    result = {"changed": bool(reasons), "object": os.path.join(build, OBJECT), "directory": directory}
    if reasons and not check:
        record = _build(tools, directory, sources, wanted)
    made = {**wanted, **record}
    result.update(reasons=reasons, sha256=record.get("object"), compiler=made["compiler"], flags=made["flags"])
    result["diff"] = {"before": "", "after": "".join("build %s: %s\n" % (OBJECT, reason) for reason in reasons)}
    return result


def _remove(directory: str, check: bool) -> t.Dict[str, t.Any]:
    """Remove what was built, and the folder unless somebody keeps other things in it."""
    mine = [path for path in (os.path.join(directory, part) for part in PARTS) if os.path.lexists(path)]
    mine += _left_over(directory)
    if mine and not check:
        for path in mine:
            shutil.rmtree(path)
        with contextlib.suppress(OSError):
            os.rmdir(directory)
    diff = {"before": "".join(path + "\n" for path in mine), "after": ""}
    return {"changed": bool(mine), "directory": directory, "removed": mine, "diff": diff}


def _check_sources(sources: t.Optional[t.Dict[str, t.Any]]) -> None:
    remedy = "Run the module by its full name vos.fastpath.xdp_build, so that the controller sends the collection's files"
    if not sources or SOURCE not in sources:
        raise FastpathError("sources", "there is no %s among them" % SOURCE, remedy)
    for name, text in sources.items():
        if name != os.path.basename(name) or name.startswith(".") or not isinstance(text, str):
            raise FastpathError("sources: %s" % name, "a source is the name of a file and its text", remedy)


def _check_directory(directory: str) -> None:
    """Refuse a folder through which somebody else could make root write elsewhere, or run their code in the kernel."""
    if not os.path.isabs(directory):
        raise FastpathError(directory, "the directory has to be an absolute path", "The default is %s" % DIRECTORY)
    require_trusted(os.path.dirname(directory.rstrip("/") or "/"), "Name another directory")
    for path in (directory, *(os.path.join(directory, part) for part in PARTS)):
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FastpathError(path, reason_of(error), "Name another directory") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            reason = "it has to be a folder that belongs to root and that only root can write to"
            raise FastpathError(path, reason, "Correct its owner and mode, or name another directory")


def _check_ours(directory: str) -> None:
    """Refuse to replace or remove a folder that has another's files: V(/usr) has a C(src) as well."""
    for part, known_by in PARTS.items():
        path = os.path.join(directory, part)
        if os.path.isdir(path) and os.listdir(path) and not os.path.exists(os.path.join(path, known_by)):
            reason = "it has no %s, so this module did not make it, and it would be replaced" % known_by
            raise FastpathError(path, reason, "Name another directory (the default is %s), or move that folder away" % DIRECTORY)


def _left_over(directory: str) -> t.List[str]:
    """Return what a build that was killed left; who holds the lock is the only one that builds."""
    return sorted(glob.glob(os.path.join(glob.escape(directory), _WORK + "*")))


def _differences(record: t.Dict[str, t.Any], wanted: t.Dict[str, t.Any]) -> t.List[str]:
    if not record:
        return ["it was not built yet"]
    words = {"sources": "source", "flags": "flags", "compiler": "compiler", "btf": "kernel BTF"}
    return ["the %s changed" % words[key] for key, value in wanted.items() if record.get(key) != value]


def _read_record(build: str) -> t.Dict[str, t.Any]:
    """Return what the object there was made from; nothing where it is not that object any more."""
    try:
        with open(os.path.join(build, RECORD), encoding="utf-8") as stream:
            record = json.load(stream)
        intact = isinstance(record, dict) and record.get("object") == _digest_file(os.path.join(build, OBJECT))
    except (OSError, ValueError):
        return {}
    return record if intact else {}


def _build(
    tools: Tools, directory: str, sources: t.Dict[str, str], wanted: t.Dict[str, t.Any]
) -> t.Dict[str, t.Any]:
    """Make everything in a folder of its own, and put it in place when all of it is there."""
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        for path in _left_over(directory):
            shutil.rmtree(path)
        with tempfile.TemporaryDirectory(prefix=_WORK, dir=directory) as work:
            record = _build_in(tools, work, sources, wanted)
            for part in PARTS:
                _replace(os.path.join(work, part), os.path.join(directory, part))
    except OSError as error:
        raise FastpathError(directory, reason_of(error), remedy_of(error, "Make room") + ", or name another directory") from error
    return record


def _build_in(tools: Tools, work: str, sources: t.Dict[str, str], wanted: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    src, build = os.path.join(work, "src"), os.path.join(work, "build")
    os.mkdir(src, 0o755)
    os.mkdir(build, 0o755)
    for name, text in sources.items():
        _write(os.path.join(src, name), text)
    if wanted["btf"]:
        _write(os.path.join(build, HEADER), tools.dump_btf(BTF))
    # The object is not to remember the name of a folder that is gone: equal sources make equal objects.
    flags = [*wanted["flags"], "-I", "build", "-I", "src", "-ffile-prefix-map=%s=." % work]
    tools.compile(flags, "src/" + SOURCE, "build/" + OBJECT, work)
    os.chmod(os.path.join(build, OBJECT), 0o644)  # whatever the umask: root loads it
    record = dict(wanted, object=_digest_file(os.path.join(build, OBJECT)))
    _write(os.path.join(build, RECORD), json.dumps(record, indent=2, sort_keys=True) + "\n")
    return record


def _replace(fresh: str, place: str) -> None:
    """Put every file in its place by one rename, so that at no moment there is no object; then remove the files of before."""
    os.makedirs(place, mode=0o755, exist_ok=True)
    names = sorted(os.listdir(fresh), key=lambda name: name == RECORD)  # the record last: it vouches for the others
    for name in names:
        os.rename(os.path.join(fresh, name), os.path.join(place, name))
    for name in set(os.listdir(place)).difference(names):
        path = os.path.join(place, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, 0o644)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest_file(path: str) -> str:
    with open(path, "rb") as stream:
        return _digest(stream.read())


def _which(program: str) -> t.Optional[str]:
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
