# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the maps are pinned, on a real BPF filesystem."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _pins
from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS, MAPS, MapShape
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


def test_the_maps_of_the_host_are_made_once() -> None:
    assert _pins.require_host_maps() == [shape.name for shape in HOST_MAPS]
    ids = {name: pinned_id(_pins.host_path(name)) for name in sorted(os.listdir(FOLDER))}
    assert ids.keys() == {shape.name for shape in HOST_MAPS}
    assert FOLDER.stat().st_mode & 0o777 == 0o700
    assert _pins.require_host_maps() == []
    assert {name: pinned_id(_pins.host_path(name)) for name in ids} == ids


def test_only_what_is_missing_is_made() -> None:
    _pins.require_host_maps()
    (FOLDER / "hosts_v6").unlink()
    assert _pins.require_host_maps() == ["hosts_v6"]


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
    assert _pins.require_host_maps() == [shape.name for shape in HOST_MAPS]
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
        _pins.require_host_maps()
    monkeypatch.undo()
    assert str(error.value) == (
        "/sys/fs/bpf: no BPF filesystem is mounted, and mount failed with 32. Mount it: mount -t bpf bpf /sys/fs/bpf"
    )


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (MAPS["hosts_v4"]._replace(max_entries=16), "type 1, key 4, value 40, 16 entries"),
        (MAPS["hosts_v4"]._replace(value_size=8), "type 1, key 4, value 8, 1048576 entries"),
        (MapShape("other", 2, 4, 8, 1), "type 2, key 4, value 8, 1 entries"),
    ],
)
def test_a_map_of_another_version_is_an_error_with_both_shapes(there: MapShape, words: str) -> None:
    fd = create_map(there)
    _pins.pin_map(fd, _pins.host_path("hosts_v4"))
    with pytest.raises(FastpathError) as error:
        _pins.require_host_maps()
    assert str(error.value) == (
        f"{FOLDER}/hosts_v4: it was made by another version ({words}, this version has type 1, key 4, value 40, 1048576 entries). "
        "Remove the filter with state=absent and keep_lists=false, then attach it again"
    )
    assert os.listdir(FOLDER) == ["hosts_v4"], "nothing else was made"
    os.close(fd)


def test_a_pin_gives_way_to_the_next_one() -> None:
    path = _pins.interface_path(7, "xdp_stats")
    first, second = create_map(MAPS["xdp_stats"]), create_map(MAPS["xdp_stats"])
    _pins.pin_map(first, path)
    assert pinned_id(path) == map_info(first).id
    pin(first, f"{FOLDER}/if7/new_xdp_stats")  # what a run that was killed left there
    _pins.pin_map(second, path)
    assert pinned_id(path) == map_info(second).id
    assert os.listdir(FOLDER / "if7") == ["xdp_stats"]
    os.close(first)
    os.close(second)


def test_what_can_not_be_pinned() -> None:
    with pytest.raises(FastpathError) as error:
        _pins.pin_map(9999, _pins.host_path("hosts_v4"))
    assert str(error.value) == f"{FOLDER}/hosts_v4: Invalid argument (EINVAL). {MOUNTED}"


def test_what_is_not_pinned() -> None:
    assert _pins.open_pinned(_pins.host_path("hosts_v4")) is None
    _pins.require_host_maps()
    assert _pins.open_pinned(_pins.host_path("hosts_v4/below")) is None


def test_what_is_no_pin(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FastpathError) as error:
        _pins.open_pinned(str(tmp_path / "file"))
    assert str(error.value) == f"{tmp_path}/file: Permission denied (EACCES). {MOUNTED}"


def test_a_folder_of_pins_is_removed_with_what_is_in_it() -> None:
    _pins.require_host_maps()
    fd = create_map(MAPS["xdp_stats"])
    _pins.pin_map(fd, _pins.interface_path(7, "xdp_stats"))
    os.close(fd)
    _pins.remove(_pins.interface_path(7))
    assert not (FOLDER / "if7").exists()
    assert (FOLDER / "hosts_v4").exists()
    _pins.remove(_pins.host_path())
    assert not FOLDER.exists()
    _pins.remove(_pins.host_path())


def test_what_can_not_be_removed() -> None:
    with pytest.raises(FastpathError, match=r"/proc/self/fdinfo: .+ \(E[A-Z]+\)\. Run as root"):
        _pins.remove("/proc/self/fdinfo")
