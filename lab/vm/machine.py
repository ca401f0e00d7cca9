# SPDX-License-Identifier: GPL-3.0-or-later
"""One host as QEMU runs it: an overlay on the shared disk, and cables to the fleet's switches.

Runs inside the fleet's namespaces only. A reboot is the guest's own affair: the process goes on.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import network, seed
from lab.place import Place
from lab.plan import Fleet, Host
from lab.shell import run
from lab.vm import accelerator, image
from lab.vm.setup import Setup

MEMORY = 640
# On a machine that is busy with other things, a guest's timer is late enough to be taken for broken, and its CPU for stuck.
KERNEL_ARGUMENTS = "console=ttyS0 mitigations=off random.trust_cpu=on no_timer_check nowatchdog quiet panic=10"


@dataclass(frozen=True)
class VirtualMachine:
    """A host, the release it is made of, and how it is run."""

    host: Host
    place: Place
    setup: Setup

    def prepare(self, fleet: Fleet, place: Place) -> None:
        """The two disks: the machine's own, above the shared one; and the files that its first boot puts there."""
        files = place.run / f"seed-{self.host.name}"
        files.mkdir()
        seed.seed(self.host, fleet, place, files)
        run(["mke2fs", "-q", "-t", "ext4", "-d", str(files), str(self._seed), "16M"])
        run(["rm", "-r", str(files)])
        backing = self._folder / image.DISK
        run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(backing), str(self._disk)])

    def boot(self, console: Path) -> int:
        """Plug it in and start it; the process id."""
        network.plug_machine(self.host)
        with console.open("ab") as output:
            return subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT).pid

    def unplug(self) -> None:
        """The cables."""
        network.unplug_machine(self.host)

    def command(self) -> list[str]:
        """QEMU's."""
        assert self.host.system is not None
        kernel, initrd = image.kernel(self._folder, self.host.system)
        argv = [*accelerator.command(self.setup.accelerator), "-smp", "2", "-m", str(MEMORY)]
        argv += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", KERNEL_ARGUMENTS, "-serial", "stdio"]
        argv += ["-drive", f"file={self._disk},if=virtio,cache=unsafe"]
        argv += ["-drive", f"file={self._seed},if=virtio,format=raw,readonly=on"]
        for number, interface in enumerate(sorted(self.host.interfaces, key=lambda i: i.name), 1):
            # Behind a port of its own, so that it is called after the number of that port's bus: enp1s0, enp2s0, …
            end = network.switch_end(self.host.name, interface)
            argv += ["-device", f"pcie-root-port,id=port{number},chassis={number}"]
            argv += ["-netdev", f"tap,id=cable{number},ifname={end},script=no,downscript=no"]
            argv += ["-device", f"{interface.model},netdev=cable{number},bus=port{number},mac={interface.mac}"]
        return argv

    @property
    def _folder(self) -> Path:
        assert self.host.system is not None
        return Path(self.setup.images[self.host.system.suite])

    @property
    def _disk(self) -> Path:
        return self.place.run / f"disk-{self.host.name}.qcow2"

    @property
    def _seed(self) -> Path:
        return self.place.run / f"seed-{self.host.name}.img"
