# SPDX-License-Identifier: GPL-3.0-or-later

"""Building the object; the compiler is a shell script, except where it says so."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._build_task import FLAGS, UAPI_FLAGS, build_task
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

pytestmark = pytest.mark.usefixtures("real_host")

CLANG = """#!/bin/sh
if [ "$1" = --version ]; then echo "script clang version 1"; echo "Target: none"; exit; fi
echo "$PWD $*" >>"${0%/*}/calls"
while [ $# -gt 0 ]; do
    case $1 in -o) object=$2 ;; -c) source=$2 ;; esac
    shift
done
if grep -q '#error' "$source"; then echo "$source:1:2: error: it says so" >&2; exit 1; fi
cat "$source" build/vmlinux.h >"$object" 2>&1 || true
"""
BPFTOOL = "#!/bin/sh\necho \"// $*\"\n"
SOURCES = {"sip_logic.bpf.c": "int sip_logic;\n", "sip_abi.h": "// numbers\n"}


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the compiler, the only one there is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script(folder / "clang", CLANG)
    script(folder / "bpftool", BPFTOOL)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def params(tmp_path: Path, tools: Path) -> dict[str, Any]:
    place = tmp_path / "vos-fastpath"
    return {"state": "present", "directory": str(place), "sources": dict(SOURCES), "clang": "clang", "force": False}


def calls(tools: Path) -> list[str]:
    path = tools / "calls"
    return path.read_text().splitlines() if path.exists() else []


def tree(path: str) -> dict[str, bytes]:
    """Everything below a folder."""
    return {str(each.relative_to(path)): each.read_bytes() for each in sorted(Path(path).rglob("*")) if each.is_file()}


def test_the_object_is_built(params: dict[str, Any], tools: Path) -> None:
    result = build_task(params, False)

    place = Path(params["directory"])
    content = (place / "build" / "sip_logic.bpf.o").read_bytes()
    assert result == {
        "changed": True,
        "object": str(place / "build" / "sip_logic.bpf.o"),
        "directory": str(place),
        "reasons": ["it was not built yet"],
        "sha256": hashlib.sha256(content).hexdigest(),
        "compiler": "script clang version 1",
        "flags": list(FLAGS),
        "diff": {"before": "", "after": "build sip_logic.bpf.o: it was not built yet\n"},
    }
    assert content == b"int sip_logic;\n// btf dump file /sys/kernel/btf/vmlinux format c\n"
    assert sorted(tree(str(place))) == [
        "build/build.json", "build/sip_logic.bpf.o", "build/vmlinux.h", "src/sip_abi.h", "src/sip_logic.bpf.c"
    ]  # fmt: skip
    assert sorted(os.listdir(place)) == ["build", "src"], "nothing is left of the work"


def test_the_compiler_is_called_as_the_report_says(params: dict[str, Any], tools: Path) -> None:
    build_task(params, False)
    [call] = calls(tools)
    work, *words = call.split()
    assert words[:5] == ["-target", "bpf", "-O2", "-mcpu=v3", "-g"]
    assert words[5:] == [
        "-Wall", "-Wextra", "-Werror", "-I", "build", "-I", "src", f"-ffile-prefix-map={work}=.",
        "-c", "src/sip_logic.bpf.c", "-o", "build/sip_logic.bpf.o",
    ]  # fmt: skip
    assert work.startswith(params["directory"] + "/.vos-fastpath-new-")


def test_everybody_may_read_it_and_nobody_else_write(params: dict[str, Any]) -> None:
    before = os.umask(0)
    try:
        build_task(params, False)
    finally:
        os.umask(before)
    for path in [Path(params["directory"]), *Path(params["directory"]).rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_a_second_run_builds_nothing(params: dict[str, Any], tools: Path) -> None:
    first = build_task(params, False)
    before = tree(params["directory"])
    again = build_task(params, False)
    assert (again["changed"], again["reasons"], again["diff"]["after"]) == (False, [], "")
    assert (again["sha256"], len(calls(tools)), tree(params["directory"])) == (first["sha256"], 1, before)


def other_compiler(tools: Path, params: dict[str, Any]) -> None:
    script(tools / "clang", CLANG.replace("version 1", "version 2"))


def other_kernel(tools: Path, params: dict[str, Any]) -> None:
    change_record(params, btf="another kernel's")


def other_flags(tools: Path, params: dict[str, Any]) -> None:
    change_record(params, flags=["-O1"])


def change_record(params: dict[str, Any], **values: Any) -> None:
    path = Path(params["directory"], "build", "build.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def other_source(tools: Path, params: dict[str, Any]) -> None:
    params["sources"]["sip_abi.h"] = "// other numbers\n"


def one_source_less(tools: Path, params: dict[str, Any]) -> None:
    del params["sources"]["sip_abi.h"]


def other_object(tools: Path, params: dict[str, Any]) -> None:
    Path(params["directory"], "build", "sip_logic.bpf.o").write_text("somebody's own")


def no_object(tools: Path, params: dict[str, Any]) -> None:
    Path(params["directory"], "build", "sip_logic.bpf.o").unlink()


def broken_record(tools: Path, params: dict[str, Any]) -> None:
    Path(params["directory"], "build", "build.json").write_text("{")


def strange_record(tools: Path, params: dict[str, Any]) -> None:
    Path(params["directory"], "build", "build.json").write_text("[]")


def forced(tools: Path, params: dict[str, Any]) -> None:
    params["force"] = True


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (other_source, ["the source changed"]),
        (one_source_less, ["the source changed"]),
        (other_compiler, ["the compiler changed"]),
        (other_kernel, ["the kernel BTF changed"]),
        (other_flags, ["the flags changed"]),
        (other_object, ["it was not built yet"]),
        (no_object, ["it was not built yet"]),
        (broken_record, ["it was not built yet"]),
        (strange_record, ["it was not built yet"]),
        (forced, ["it was asked for"]),
    ],
)
def test_it_is_built_again_when_what_it_is_made_from_changed(
    params: dict[str, Any], tools: Path, change: Any, reasons: list[str]
) -> None:
    build_task(params, False)
    change(tools, params)
    before = tree(params["directory"])

    foretold = build_task(params, True)
    assert tree(params["directory"]) == before, "check mode builds nothing"
    assert len(calls(tools)) == 1

    done = build_task(params, False)
    assert (foretold["changed"], foretold["reasons"], foretold["diff"]) == (True, reasons, done["diff"])
    assert (done["changed"], done["reasons"], len(calls(tools))) == (True, reasons, 2)
    params["force"] = False
    assert build_task(params, False)["changed"] is False


def test_a_source_that_is_not_there_any_more_is_gone(params: dict[str, Any]) -> None:
    build_task(params, False)
    del params["sources"]["sip_abi.h"]
    build_task(params, False)
    assert os.listdir(Path(params["directory"], "src")) == ["sip_logic.bpf.c"]


def test_check_mode_on_a_clean_host(params: dict[str, Any]) -> None:
    params["clang"] = "clang-of-tomorrow"
    result = build_task(params, True)
    assert (result["changed"], result["reasons"], result["compiler"], result["sha256"]) == (True, ["it was not built yet"], None, None)
    assert not Path(params["directory"]).exists()


def test_check_mode_tells_what_the_object_at_hand_was_made_by(params: dict[str, Any], tools: Path) -> None:
    made = build_task(params, False)
    other_compiler(tools, params)
    foretold = build_task(params, True)
    assert (foretold["reasons"], foretold["compiler"], foretold["sha256"]) == (["the compiler changed"], made["compiler"], made["sha256"])


def test_a_record_that_lacks_the_compiler_is_no_reason_to_fail(params: dict[str, Any], tools: Path) -> None:
    made = build_task(params, False)
    Path(params["directory"], "build", "build.json").write_text(json.dumps({"object": made["sha256"]}))
    foretold = build_task(params, True)
    assert (foretold["changed"], foretold["compiler"], foretold["sha256"]) == (True, made["compiler"], made["sha256"])


def test_a_compiler_that_is_not_installed(params: dict[str, Any]) -> None:
    params["clang"] = "clang-of-tomorrow"
    with pytest.raises(FastpathError) as error:
        build_task(params, False)
    assert str(error.value) == "clang-of-tomorrow: it is not installed on this host. Install the package clang"
    assert not Path(params["directory"]).exists()


def test_a_bpftool_that_is_not_installed(params: dict[str, Any], tools: Path) -> None:
    subprocess.run(("mount", "-t", "tmpfs", "tmpfs", "/usr/sbin"), check=True)
    try:
        (tools / "bpftool").unlink()
        if os.path.exists("/usr/bin/bpftool") or os.path.exists("/sbin/bpftool"):
            pytest.skip("this host has another one")
        with pytest.raises(FastpathError) as error:
            build_task(params, False)
    finally:
        subprocess.run(("/bin/umount", "/usr/sbin"), check=True)
    assert str(error.value) == "bpftool: it is not installed on this host. Install the package bpftool"
    assert os.listdir(params["directory"]) == []


def test_a_compiler_that_says_nothing_of_itself(params: dict[str, Any], tools: Path) -> None:
    script(tools / "clang", CLANG.replace("echo", ": echo"))
    assert build_task(params, True)["compiler"] == ""


def test_a_compiler_that_is_no_program(params: dict[str, Any], tools: Path) -> None:
    script(tools / "clang", "neither ELF nor script")
    with pytest.raises(FastpathError) as error:
        build_task(params, False)
    assert str(error.value) == "clang: Exec format error (ENOEXEC). Name a clang that runs on this host"
    assert not Path(params["directory"]).exists()


def test_what_does_not_compile_replaces_nothing(params: dict[str, Any]) -> None:
    build_task(params, False)
    before = tree(params["directory"])
    params["sources"]["sip_logic.bpf.c"] = "#error no\n"
    with pytest.raises(FastpathError) as error:
        build_task(params, False)
    words = str(error.value)
    assert words.startswith("clang -target bpf -O2 -mcpu=v3 -g ")
    assert words.endswith(": it ended with 1: src/sip_logic.bpf.c:1:2: error: it says so. Nothing was replaced")
    assert tree(params["directory"]) == before
    assert sorted(os.listdir(params["directory"])) == ["build", "src"]


@pytest.fixture
def no_btf(real_host: None) -> Iterator[None]:
    """A kernel that does not tell its types."""
    subprocess.run(("mount", "-t", "tmpfs", "tmpfs", "/sys/kernel/btf"), check=True)
    yield
    subprocess.run(("umount", "/sys/kernel/btf"), check=True)


def test_where_the_kernel_tells_no_types_the_headers_of_the_distribution_do(params: dict[str, Any], no_btf: None) -> None:
    result = build_task(params, False)
    assert result["flags"] == [*FLAGS, *UAPI_FLAGS]
    assert not Path(params["directory"], "build", "vmlinux.h").exists()
    assert build_task(params, False)["changed"] is False


SEND = "Run the module by its full name vos.fastpath.xdp_build, so that the controller sends the collection's files"


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (None, "sources: there is no sip_logic.bpf.c among them. "),
        ({}, "sources: there is no sip_logic.bpf.c among them. "),
        ({"a.h": ""}, "sources: there is no sip_logic.bpf.c among them. "),
        ({**SOURCES, "../a.h": ""}, "sources: ../a.h: a source is the name of a file and its text. "),
        ({**SOURCES, "/etc/cron.d/a": ""}, "sources: /etc/cron.d/a: a source is the name of a file and its text. "),
        ({**SOURCES, ".hidden": ""}, "sources: .hidden: a source is the name of a file and its text. "),
        ({**SOURCES, "a.h": 7}, "sources: a.h: a source is the name of a file and its text. "),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_sources_that_are_none(params: dict[str, Any], sources: Any, message: str, check: bool) -> None:
    with pytest.raises(FastpathError) as error:
        build_task({**params, "sources": sources}, check)
    assert str(error.value) == message + SEND
    assert not Path(params["directory"]).exists()


ONLY_ROOT = (
    "it has to be a folder that belongs to root and that only root can write to. Correct its owner and mode, or name another directory"
)


def owned_by_others(path: Path) -> None:
    path.mkdir()
    os.chown(path, 65534, 65534)


def writable_by_others(path: Path) -> None:
    path.mkdir()
    path.chmod(0o757)


def writable_by_a_group(path: Path) -> None:
    path.mkdir()
    path.chmod(0o775)


def a_link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to("elsewhere")


def a_file(path: Path) -> None:
    path.write_text("")


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("part", ["", "src", "build"])
@pytest.mark.parametrize("make", [owned_by_others, writable_by_others, writable_by_a_group, a_link, a_file])
def test_a_folder_through_which_others_could_act_as_root(params: dict[str, Any], make: Any, part: str, state: str) -> None:
    path = Path(params["directory"], part)
    if part:
        path.parent.mkdir()
    make(path)
    before = tree(str(path.parent))
    with pytest.raises(FastpathError) as error:
        build_task({**params, "state": state}, False)
    assert str(error.value) == f"{path}: {ONLY_ROOT}"
    assert tree(str(path.parent)) == before


@pytest.mark.parametrize("make", [owned_by_others, writable_by_others])
def test_a_folder_whose_place_others_could_change(params: dict[str, Any], tmp_path: Path, make: Any) -> None:
    make(tmp_path / "home")
    (tmp_path / "link").symlink_to("home")
    for parent in ("home", "link"):
        with pytest.raises(FastpathError) as error:
            build_task({**params, "directory": str(tmp_path / parent / "sub" / "vos-fastpath")}, False)
        assert str(error.value) == (
            f"{tmp_path}/home: others than root can put something else in its place. Name another directory"
        )
    assert os.listdir(tmp_path / "home") == []


def test_a_folder_like_tmp_is_no_danger(params: dict[str, Any], tmp_path: Path) -> None:
    sticky = tmp_path / "tmp"
    sticky.mkdir()
    sticky.chmod(0o1777)
    assert build_task({**params, "directory": str(sticky / "vos-fastpath")}, False)["changed"] is True


@pytest.mark.parametrize(
    ("directory", "message"),
    [
        ("vos-fastpath", "vos-fastpath: the directory has to be an absolute path. The default is /var/lib/vos-fastpath"),
        ("", ": the directory has to be an absolute path. The default is /var/lib/vos-fastpath"),
        ("/etc/passwd/vos-fastpath", "/etc/passwd/vos-fastpath: Not a directory (ENOTDIR). Name another directory"),
        ("/proc/vos-fastpath", "/proc/vos-fastpath: No such file or directory (ENOENT). Make room, or name another directory"),
    ],
)
def test_a_folder_that_can_not_be(params: dict[str, Any], directory: str, message: str) -> None:
    with pytest.raises(FastpathError) as error:
        build_task({**params, "directory": directory}, False)
    assert str(error.value) == message


def test_what_was_built_is_removed(params: dict[str, Any]) -> None:
    build_task(params, False)
    place = params["directory"]
    mine = [f"{place}/src", f"{place}/build"]
    params["state"] = "absent"

    foretold = build_task(params, True)
    assert sorted(os.listdir(place)) == ["build", "src"]
    done = build_task(params, False)
    assert done == foretold == {
        "changed": True, "directory": place, "removed": mine, "diff": {"before": f"{place}/src\n{place}/build\n", "after": ""}
    }  # fmt: skip
    assert not os.path.exists(place)
    assert build_task(params, False) == {"changed": False, "directory": place, "removed": [], "diff": {"before": "", "after": ""}}


def test_what_others_keep_there_stays(params: dict[str, Any]) -> None:
    build_task(params, False)
    notes = Path(params["directory"], "notes.txt")
    notes.write_text("ours")
    assert build_task({**params, "state": "absent"}, False)["changed"] is True
    assert os.listdir(params["directory"]) == ["notes.txt"]
    assert build_task({**params, "state": "absent"}, False)["changed"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(("part", "known_by"), [("src", "sip_logic.bpf.c"), ("build", "build.json")])
def test_a_folder_with_the_files_of_another_is_neither_replaced_nor_removed(
    params: dict[str, Any], part: str, known_by: str, state: str
) -> None:
    theirs = Path(params["directory"], part, "linux", "Makefile")
    theirs.parent.mkdir(parents=True)
    theirs.write_text("all:")
    with pytest.raises(FastpathError) as error:
        build_task({**params, "state": state}, False)
    assert str(error.value) == (
        f"{params['directory']}/{part}: it has no {known_by}, so this module did not make it, and it would be replaced. "
        "Name another directory (the default is /var/lib/vos-fastpath), or move that folder away"
    )
    assert tree(params["directory"]) == {f"{part}/linux/Makefile": b"all:"}


@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_a_killed_build_left_goes_with_the_next_run(params: dict[str, Any], state: str) -> None:
    place = Path(params["directory"])
    left = place / ".vos-fastpath-new-x1"
    (left / "src.old").mkdir(parents=True)
    build_task({**params, "state": state}, False)
    assert not left.exists()
    assert place.exists() is (state == "present")


def test_at_no_moment_there_is_no_object(params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A boot in the middle of a build, after a power cut, still has something to attach."""
    built = Path(build_task(params, False)["object"])
    there = []

    def renamed(source: str, target: str, rename: Any = os.rename) -> None:
        rename(source, target)
        there.append(built.exists())

    monkeypatch.setattr(os, "rename", renamed)
    build_task({**params, "force": True}, False)
    assert there
    assert all(there)


def test_what_a_build_before_had_more_goes(params: dict[str, Any]) -> None:
    build_task(params, False)
    source = Path(params["directory"], "src")
    (source / "older.h").write_text("")
    (source / "older").mkdir()
    (source / "older" / "part.h").write_text("")
    build_task({**params, "force": True}, False)
    assert sorted(os.listdir(source)) == sorted(SOURCES)
