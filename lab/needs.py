# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine has to have before a lab can start: each missing thing is named, packages are installed."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from lab.errors import LabError
from lab.progress import Progress

PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}
"""Program, and the Debian package that brings it."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
KERNEL_BTF = Path("/sys/kernel/btf/vmlinux")


def check_user() -> None:
    """Namespaces, mounts and XDP are root's."""
    if os.geteuid() != 0:
        raise LabError("the lab makes namespaces and mounts, which only root may: run it with sudo")
    if sys.platform != "linux":
        raise LabError(f"the lab is made of Linux namespaces; this is {sys.platform}")


def check_kernel() -> None:
    """What no package brings: overlayfs, network namespaces, BPF with type information."""
    filesystems = Path("/proc/filesystems").read_text().split()
    if "overlay" not in filesystems:
        subprocess.run(["modprobe", "overlay"], check=False, capture_output=True)
        filesystems = Path("/proc/filesystems").read_text().split()
    for name, what in (("overlay", "overlayfs"), ("bpf", "the BPF file system"), ("cgroup2", "cgroup2")):
        if name not in filesystems:
            raise LabError(f"this kernel ({os.uname().release}) has no {what} ('{name}' is not in /proc/filesystems)")
    if not KERNEL_BTF.exists():
        raise LabError(f"{KERNEL_BTF} is missing: this kernel has no type information (CONFIG_DEBUG_INFO_BTF)")
    _check_namespaces()


def _check_namespaces() -> None:
    """A container often forbids them; a child tries, so that this process stays where it is."""
    pid = os.fork()
    if pid == 0:
        new_mount, new_net, new_pid = 0x00020000, 0x40000000, 0x20000000
        failed = ctypes.CDLL(None, use_errno=True).unshare(new_mount | new_net | new_pid)
        os._exit(ctypes.get_errno() if failed else 0)
    error = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if error:
        raise LabError(f"namespaces are refused ({os.strerror(error)}): use a real or virtual machine, not a container")


def install_missing(progress: Progress, programs: dict[str, str] | None = None) -> None:
    """Install the packages of the programs that are not there, and say so."""
    wanted = PROGRAMS if programs is None else programs
    missing = {package for program, package in wanted.items() if not shutil.which(program)}
    if programs is None and not KEYRING.exists():
        missing.add("debian-archive-keyring")
    if missing:
        install(progress, sorted(missing))


def install(progress: Progress, packages: Iterable[str]) -> None:
    """By apt: the lab is for Debian machines."""
    names = list(packages)
    if not shutil.which("apt-get"):
        raise LabError(f"missing: {', '.join(names)}; this is no Debian machine, so install them yourself")
    with progress.step(f"installing {', '.join(names)}") as log:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-q", "-y", "--no-install-recommends", "install", *names]
        if log.run(command, environment) and (log.run(["apt-get", "-q", "update"], environment) or log.run(command, environment)):
            raise LabError(f"apt-get could not install {', '.join(names)}:\n{log.tail()}")
