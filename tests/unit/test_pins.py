# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the maps are pinned, on a real BPF filesystem."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _pins
from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import create_map, map_info, pin
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

pytestmark = pytest.mark.usefixtures("no_pins")
FOLDER = Path("/sys/fs/bpf/vos_fastpath")
MOUNTED = "Run as root, with a BPF filesystem mounted at /sys/fs/bpf"


def pinned_id(path: str) -> int:
    found = _pins.open_pinned(path)
    assert found is not None
    with found:
        return found.info.id


def test_paths() -> None:
    assert _pins.host_path() == str(FOLDER)
    assert _pins.host_path("hosts_v4") == f"{FOLDER}/hosts_v4"
    assert _pins.interface_path(7) == f"{FOLDER}/if7"
    assert _pins.interface_path(7, "xdp_stats") == f"{FOLDER}/if7/xdp_stats"


def make(name: str) -> Iterator[int]:
    """A map, as long as it is needed."""
    fd = create_map(MAPS[name])
    yield fd
    os.close(fd)


held = contextlib.contextmanager(make)


def test_a_folder_gets_exactly_the_pins_that_it_is_to_have() -> None:
    with held("xdp_stats") as stats, held("xdp_counters") as counters:
        _pins.pin_maps(_pins.interface_path(7), {"xdp_stats": stats})
        (FOLDER / "if7" / "of_somebody_else").mkdir()
        _pins.pin_maps(_pins.interface_path(7), {"xdp_counters": counters})
        assert sorted(os.listdir(FOLDER / "if7")) == ["of_somebody_else", "xdp_counters"]
        assert _pins.pinned(_pins.interface_path(7)) == {"xdp_counters": map_info(counters).id}
    assert FOLDER.stat().st_mode & 0o777 == 0o700


def test_a_pin_that_is_right_is_left_alone() -> None:
    with held("xdp_stats") as stats:
        _pins.pin_maps(str(FOLDER), {"xdp_stats": stats})
        before = (FOLDER / "xdp_stats").stat().st_ino
        _pins.pin_maps(str(FOLDER), {"xdp_stats": stats})
        assert (FOLDER / "xdp_stats").stat().st_ino == before


def test_the_interfaces_that_have_pins() -> None:
    assert _pins.interface_folders() == []
    for name in ("if7", "if12", "iface", "hosts_v4"):
        (FOLDER / name).mkdir(parents=True)
    assert _pins.interface_folders() == [7, 12]


def layers() -> int:
    """How many filesystems are mounted on top of each other there."""
    return sum(line.split()[1] == "/sys/fs/bpf" for line in Path("/proc/self/mounts").read_text().splitlines())


@pytest.fixture
def unmounted(no_pins: None) -> Iterator[None]:
    """A host where nobody mounted the BPF filesystem."""
    depth = layers()
    while os.path.ismount("/sys/fs/bpf"):  # those of the machine are listed too, but hidden below another /sys
        subprocess.run(("umount", "/sys/fs/bpf"), check=True)
    yield
    for _layer in range(depth - layers()):
        subprocess.run(("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"), check=True)


def test_a_filesystem_that_is_not_mounted_is(unmounted: None) -> None:
    assert not _pins.mounted()
    assert _pins.open_pinned(_pins.host_path("hosts_v4")) is None
    assert _pins.pinned(_pins.host_path()) == {}
    assert _pins.interface_folders() == []
    with held("hosts_v4") as hosts:
        _pins.pin_maps(_pins.host_path(), {"hosts_v4": hosts})
    assert _pins.mounted()


def test_a_filesystem_below_another_one_does_not_count(no_pins: None) -> None:
    """As in C(ip netns exec), which mounts another /sys over the machine's."""
    subprocess.run(("mount", "-t", "tmpfs", "tmpfs", "/sys/fs/bpf"), check=True)
    try:
        assert not _pins.mounted()
    finally:
        subprocess.run(("umount", "/sys/fs/bpf"), check=True)
    assert _pins.mounted()


def test_if_it_can_not_be_mounted_the_operator_is_told_how(unmounted: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mount").write_text("#!/bin/sh\nexit 32\n")
    (tmp_path / "mount").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FastpathError) as error:
        _pins.pin_maps(_pins.host_path(), {})
    monkeypatch.undo()
    assert str(error.value) == (
        "/sys/fs/bpf: no BPF filesystem is mounted, and mount failed with 32. Mount it: mount -t bpf -o mode=700 bpf /sys/fs/bpf"
    )


@pytest.mark.parametrize(
    ("name", "change", "shapes", "reason"),
    [
        ("hosts_v4", {"max_entries": 1 << 21}, "type 1, key 4, value 40, 2097152 entries", "it has more than fits"),
        ("hosts_v4", {"value_size": 48}, "type 1, key 4, value 48, 1048576 entries", "it has more than fits"),
        ("hosts_v4", {"type": 9}, "type 9, key 4, value 40, 1048576 entries", "its entries mean something else now"),
        ("hosts_v4", {"key_size": 8}, "type 1, key 8, value 40, 1048576 entries", "its entries mean something else now"),
        ("xsks_map", {"max_entries": 64}, "type 17, key 4, value 4, 64 entries", "AF_XDP sockets can't be carried over"),
    ],
)
def test_what_can_not_be_carried_over_is_an_error_with_both_shapes(name: str, change: dict[str, int], shapes: str, reason: str) -> None:
    with pytest.raises(FastpathError) as error:
        _pins.check_shape(_pins.host_path(name), MAPS[name]._replace(**change))
    now = MAPS[name]
    assert str(error.value) == (
        f"{FOLDER}/{name}: it was made by another version ({shapes}, this version has type {now.type}, key {now.key_size}, "
        f"value {now.value_size}, {now.max_entries} entries), and {reason}. "
        "Remove the filter with state=absent and keep_lists=false, attach it again, and fill the lists again"
    )


@pytest.mark.parametrize("change", [{}, {"value_size": 8}, {"max_entries": 16}, {"flags": 0}])
def test_what_is_smaller_can_be_carried_over(change: dict[str, int]) -> None:
    _pins.check_shape(_pins.host_path("hosts_v4"), MAPS["hosts_v4"]._replace(**change))


def test_a_pin_gives_way_to_the_next_one() -> None:
    path = _pins.interface_path(7, "xdp_stats")
    with held("xdp_stats") as first, held("xdp_stats") as second:
        _pins.pin_maps(_pins.interface_path(7), {"xdp_stats": first})
        assert pinned_id(path) == map_info(first).id
        pin(first, f"{FOLDER}/if7/new_xdp_stats")  # what a run that was killed left there
        assert _pins.pinned(_pins.interface_path(7)).keys() == {"new_xdp_stats", "xdp_stats"}
        _pins.pin_maps(_pins.interface_path(7), {"xdp_stats": second})
        assert pinned_id(path) == map_info(second).id
        assert os.listdir(FOLDER / "if7") == ["xdp_stats"]


def test_on_a_filesystem_that_is_read_only() -> None:
    with held("hosts_v4") as hosts:
        _pins.pin_maps(_pins.host_path(), {"hosts_v4": hosts})
        subprocess.run(("mount", "-o", "remount,ro", "/sys/fs/bpf"), check=True)
        with pytest.raises(FastpathError) as error:
            _pins.pin_maps(_pins.host_path(), {"hosts_v4": hosts})
    assert str(error.value) == (
        f"{FOLDER}/hosts_v4: Read-only file system (EROFS). Make it writable: mount -o remount,rw /sys/fs/bpf"
    )


def test_what_can_not_be_pinned() -> None:
    Path("/sys/fs/bpf/vos_fastpath").symlink_to("/proc/self/fdinfo")
    with held("hosts_v4") as hosts, pytest.raises(FastpathError, match=rf"{FOLDER}: .+ \(E[A-Z]+\)\. {MOUNTED}"):
        _pins.pin_maps(_pins.host_path(), {"hosts_v4": hosts})


def test_what_is_not_pinned() -> None:
    assert _pins.open_pinned(_pins.host_path("hosts_v4")) is None
    with held("hosts_v4") as hosts:
        _pins.pin_maps(_pins.host_path(), {"hosts_v4": hosts})
    assert _pins.open_pinned(_pins.host_path("hosts_v4/below")) is None
    assert _pins.pinned(_pins.host_path("hosts_v4")) == {}


def test_what_is_no_pin(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FastpathError) as error:
        _pins.open_pinned(str(tmp_path / "file"))
    assert str(error.value) == f"{tmp_path}/file: Permission denied (EACCES). {MOUNTED}"


def test_a_folder_of_pins_is_removed_with_what_is_in_it() -> None:
    with held("xdp_stats") as stats, held("hosts_v4") as hosts:
        _pins.pin_maps(_pins.host_path(), {"hosts_v4": hosts})
        _pins.pin_maps(_pins.interface_path(7), {"xdp_stats": stats})
    _pins.remove(_pins.interface_path(7))
    assert not (FOLDER / "if7").exists()
    assert (FOLDER / "hosts_v4").exists()
    _pins.remove(_pins.host_path())
    assert not FOLDER.exists()
    _pins.remove(_pins.host_path())


def test_what_can_not_be_removed() -> None:
    with pytest.raises(FastpathError, match=r"/proc/self/fdinfo: .+ \(E[A-Z]+\)\. Run as root"):
        _pins.remove("/proc/self/fdinfo")


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param("mkdir vos_fastpath", id="a folder"),
        pytest.param("mkdir mine; ln -s mine vos_fastpath", id="a link to a folder"),
        pytest.param("ln -s /sys/fs/bpf/roots vos_fastpath", id="a link to a folder of root's"),
    ],
)
def test_pins_in_a_place_that_another_user_made_are_refused(planted: str) -> None:
    """Where the BPF filesystem is mounted without a mode, it is open to all, like /tmp."""
    FOLDER.parent.chmod(0o1777)
    (FOLDER.parent / "roots").mkdir()
    subprocess.run(("sh", "-ec", planted), cwd=FOLDER.parent, user=65534, group=65534, extra_groups=(), check=True)
    before = sorted(path.name for path in FOLDER.parent.rglob("*"))
    with held("xdp_stats") as stats:
        for use in (
            lambda: _pins.open_pinned(_pins.host_path("hosts_v4")),
            lambda: _pins.pinned(_pins.host_path()),
            lambda: _pins.pin_maps(_pins.interface_path(7), {"xdp_stats": stats}),
        ):
            with pytest.raises(FastpathError) as error:
                use()
            assert str(error.value) == (
                "/sys/fs/bpf/vos_fastpath: others than root can put something else in its place. "
                "See who made it, remove it (rm -r), and mount /sys/fs/bpf with mode=700"
            )
    assert sorted(path.name for path in FOLDER.parent.rglob("*")) == before


def test_a_bpf_filesystem_that_is_open_to_all_will_do_where_the_folder_is_roots() -> None:
    FOLDER.parent.chmod(0o1777)
    with held("xdp_stats") as stats:
        _pins.pin_maps(_pins.interface_path(7), {"xdp_stats": stats})
    assert pinned_id(_pins.interface_path(7, "xdp_stats"))
