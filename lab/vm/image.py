# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk and the kernels that virtual machines start from, made of Debian packages: once, then kept by a hash of what goes in.

A kernel is kept as the ELF file in its package's compressed image, which QEMU starts without unpacking it in the guest, and has
an initrd of a shell and the few modules that lead to the disk: without KVM each saves seconds of every boot.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from lab import tree
from lab.errors import LabError
from lab.plan import System
from lab.progress import Log, Progress
from lab.shell import run

HERE = Path(__file__).resolve().parent / "files"
DISK = "disk.img"
DISK_SIZE = "6G"
"""Sparse: it takes what is written."""

MACHINE = ("linux-image-amd64", "udev", "busybox-static", "cpio", "zstd", "xz-utils")
"""What a machine needs beside what a lab host has."""

NEEDLESS = (
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-fs-fuse-connections.mount",
    "modprobe@configfs.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "systemd-binfmt.service",
    "systemd-pcrphase.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-user-sessions.service",
    "user@.service",
)
"""Units that nothing here uses, each of which takes a virtual machine without KVM a good part of a second."""

COMPRESSORS = {b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip"}


@dataclass(frozen=True)
class Image(tree.Recipe):
    """A system and its kernels: that of the release and, of another release, an older one."""

    packages: tuple[str, ...] = tree.BASE + tree.ROLE + tree.SERVER + MACHINE
    masked: tuple[str, ...] = tuple(unit for unit in tree.MASKED if unit != "systemd-networkd.service") + NEEDLESS
    older: tuple[str, ...] = ()
    """Releases to take a kernel of as well."""
    files: str = field(default_factory=lambda: hashlib.sha256(b"".join(p.read_bytes() for p in sorted(HERE.iterdir()))).hexdigest())
    """A digest of what of our own is put there."""

    def add(self, folder: Path, log: Log) -> None:
        """Beside the packages: the older kernels, and the initrds."""
        for suite in self.older:
            _add_kernel(folder, suite, log)
        script = folder / "initrd.sh"
        shutil.copyfile(HERE / "initrd.sh", script)
        (folder / "init.initrd").write_text("#!/bin/busybox sh\n" + (HERE / "init").read_text())
        for version in sorted(p.name for p in (folder / "lib/modules").iterdir()):
            tree.must(log, ["chroot", str(folder), "sh", "/initrd.sh", version], None, f"no initrd for {version}")
        for left in (script, folder / "init.initrd"):
            left.unlink()
        # Nothing is to be brought up to date at the first boot: that is what these files say.
        for stamp in ("etc/.updated", "var/.updated"):
            (folder / stamp).touch()


IMAGES = {"bookworm": Image("bookworm", older=("bullseye",)), "trixie": Image("trixie")}


def ensure(suite: str, progress: Progress) -> Path:
    """The folder with the disk and the kernels of a release."""
    image = IMAGES[suite]

    def make(folder: Path) -> None:
        root = folder / "root"
        folder.mkdir()
        tree.make(image, root, progress)
        with progress.step(f"writing the {suite} disk"):
            _take_kernels(root, folder)
            run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(folder / DISK), DISK_SIZE], timeout=600)
        shutil.rmtree(root)

    return tree.keep(image.name.replace("tree-", "vm-"), make)


def kernel(folder: Path, system: System) -> tuple[Path, Path]:
    """The kernel of this series, and its initrd."""
    found = sorted(folder.glob(f"vmlinux-{system.kernel}.*"))
    if not found:
        raise LabError(f"{folder} has no kernel {system.kernel}: remove the folder, and it is made again")
    return found[-1], folder / found[-1].name.replace("vmlinux-", "initrd-")


def unpacked(image: bytes) -> bytes:
    """The kernel in a bzImage, whose header says where it is (Documentation/arch/x86/boot.rst)."""
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = (sectors + 1) * 512 + offset
    payload = image[begin : begin + length - 4]  # the last four bytes are the unpacked length
    program = next((name for magic, name in COMPRESSORS.items() if payload.startswith(magic)), None)
    if program is None:
        raise LabError(f"the kernel is compressed in a way that is not known here: it begins {payload[:6].hex()}")
    return subprocess.run([program, "-dc"], input=payload, capture_output=True, check=True).stdout


def _take_kernels(root: Path, folder: Path) -> None:
    for path in (root / "boot").glob("vmlinuz-*"):
        (folder / path.name.replace("vmlinuz", "vmlinux")).write_bytes(unpacked(path.read_bytes()))
    for path in (root / "boot").glob("lab-initrd-*"):
        shutil.move(path, folder / path.name.replace("lab-", ""))
    shutil.rmtree(root / "boot")
    (root / "boot").mkdir()


def _add_kernel(folder: Path, suite: str, log: Log) -> None:
    """By its full name: the package that only names the newest one is of this release."""
    mirror, _security = tree.mirrors(suite)
    source = folder / "etc/apt/sources.list.d" / f"{suite}.list"
    source.write_text(f"deb {mirror} {suite} main\n")
    enter = ["chroot", str(folder)]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    tree.must(log, [*enter, "apt-get", "-q", "update"], environment, f"the packages of {suite} are not known")
    listing = run([*enter, "apt-cache", "policy", "linux-image-amd64"])
    series = re.search(rf"(\d+\.\d+)\.\d+-\S+ \d+\n\s+\d+ \S+ {suite}/main", listing)
    if not series:
        raise LabError(f"{mirror} has no kernel of {suite}:\n{listing}")
    names = run([*enter, "apt-cache", "search", "--names-only", rf"^linux-image-{re.escape(series[1])}\.0-[0-9]+-amd64$"]).split("\n")
    newest = max((line.split()[0] for line in names if line), key=lambda name: int(name.split("-")[3]))
    tree.must(log, [*enter, "apt-get", "-q", "-y", "--no-install-recommends", "install", newest], environment, f"{newest} cannot be installed")
    source.unlink()
