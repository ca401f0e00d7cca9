# SPDX-License-Identifier: GPL-3.0-or-later
"""KVM where guests really run by it, else QEMU's own translation, which is ten to twenty times slower and works everywhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

KVM = Path("/dev/kvm")
PATIENCE = 10.0
"""Seconds in which a guest under KVM has said a word many times over."""

WORD = b"lab: this machine runs"
OPTIONS = {
    "kvm": ("kvm", "host"),
    # One thread: with several, a guest of kernel 6.12 has crashed.
    "tcg": ("tcg,thread=single,tb-size=192", "max"),
}


def command(name: str) -> list[str]:
    """QEMU with this accelerator, and nothing that it would add of its own."""
    accelerator, cpu = OPTIONS[name]
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-M", "q35"]
    return [*argv, "-accel", accelerator, "-cpu", cpu]


def best(kernel: Path, initrd: Path) -> str:
    """Try it: there are machines where /dev/kvm opens and every guest hangs."""
    if not os.access(KVM, os.R_OK | os.W_OK):
        return "tcg"
    argv = [*command("kvm"), "-m", "256", "-kernel", str(kernel), "-initrd", str(initrd)]
    argv += ["-append", "console=ttyS0 quiet lab.probe", "-serial", "stdio", "-no-reboot"]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return "tcg"
    return "kvm" if WORD in done.stdout else "tcg"
