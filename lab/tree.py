# SPDX-License-Identifier: GPL-3.0-or-later
"""The one file system tree all hosts share, read-only: a Debian with all that the role and the traffic need.

It is made once by debootstrap and kept under a name that is the hash of what goes in.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.errors import LabError
from lab.progress import Log, Progress
from lab.shell import run

SUITES = ("bookworm", "trixie")
MIRROR = "http://deb.debian.org/debian"
SECURITY_MIRROR = "http://deb.debian.org/debian-security"

BASE = ("systemd", "systemd-sysv", "dbus", "iproute2", "iputils-ping", "ethtool", "procps", "kmod", "less", "nftables", "openssh-server")
ROLE = ("python3", "python3-apt", "python3-pyroute2", "clang", "bpftool", "libbpf-dev", "libbpf1")
SERVER = ("kamailio", "kamailio-python3-modules", "fail2ban")
MONITORING = ("prometheus", "prometheus-node-exporter")
OUTSIDE = ("sip-tester", "sipsak", "sipvicious", "nmap", "tcpdump", "hping3", "netcat-openbsd", "python3-scapy")

DISABLED = (
    "kamailio.service",
    "fail2ban.service",
    "prometheus.service",
    "prometheus-node-exporter.service",
    "nftables.service",
    "e2scrub_reap.service",
    "ssh.socket",
)
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "logrotate.timer",
    "man-db.timer",
    "systemd-tmpfiles-clean.timer",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "console-getty.service",
    "getty.target",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-journal-flush.service",
)
"""Nobody needs these in a lab, and every host would run them."""


@dataclass(frozen=True)
class Recipe:
    """What goes into a tree; its hash is the tree's name."""

    suite: str
    packages: tuple[str, ...] = BASE + ROLE + SERVER + MONITORING + OUTSIDE
    disabled: tuple[str, ...] = DISABLED
    masked: tuple[str, ...] = MASKED
    format: int = 1

    @property
    def name(self) -> str:
        """Tells this tree from every other."""
        what = json.dumps(asdict(self), sort_keys=True)
        return f"tree-{self.suite}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"

    def add(self, folder: Path, log: Log) -> None:
        """What a tree is given beside its packages: nothing."""


def cache() -> Path:
    """Where trees are kept."""
    return Path(os.environ.get("VOS_FASTPATH_CACHE") or Path.home() / ".cache" / "vos-fastpath").resolve()


def default_suite(os_release: Path = Path("/etc/os-release")) -> str:
    """That of the machine, if it is one that is supported."""
    values = dict(line.split("=", 1) for line in os_release.read_text().splitlines() if "=" in line)
    codename = values.get("VERSION_CODENAME", "").strip('"')
    return codename if codename in SUITES else SUITES[-1]


def ensure(recipe: Recipe, progress: Progress) -> Path:
    """The tree of this recipe, from the cache or made now."""
    return keep(recipe.name, lambda folder: make(recipe, folder, progress))


def keep(name: str, make_it: Callable[[Path], None]) -> Path:
    """A folder of the cache, made now if it is not there; whole or not at all, and two who ask at once make it once."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / name
    with _lock(folder / f"{name}.lock"):
        if not kept.is_dir():
            partial = folder / f"{name}.partial"
            _remove(partial)
            try:
                make_it(partial)
            except BaseException:
                _remove(partial)
                raise
            partial.rename(kept)
    return kept


def make(recipe: Recipe, folder: Path, progress: Progress) -> None:
    """A tree, from nothing."""
    mirror, security = mirrors(recipe.suite)
    progress.say(f"Making the {recipe.suite} tree that hosts of the lab share (once; kept in {cache()})")
    with progress.step(f"debootstrap {recipe.suite} from {mirror}") as log:
        command = ["debootstrap", "--variant=minbase", recipe.suite, str(folder), mirror]
        must(log, command, None, "debootstrap failed")
    _write(folder / "etc/apt/sources.list", _sources(recipe.suite, mirror, security))
    _write(folder / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n").chmod(0o755)
    with progress.step(f"installing {len(recipe.packages)} packages and what they need") as log:
        _install(folder, recipe.packages, log)
        recipe.add(folder, log)
    with progress.step("finishing the tree"):
        _finish(recipe, folder)


def _install(folder: Path, packages: tuple[str, ...], log: Log) -> None:
    """No service is started (policy-rc.d), and nothing recommended is brought along."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    for command in (["update"], ["dist-upgrade"], ["install", *packages]):
        argv = ["chroot", str(folder), "apt-get", "-q", "-y", "--no-install-recommends", *command]
        must(log, argv, environment, f"apt-get {command[0]} failed in the tree")


def _finish(recipe: Recipe, folder: Path) -> None:
    systemctl = ["chroot", str(folder), "systemctl", "--quiet"]
    for verb, units in (("disable", recipe.disabled), ("mask", recipe.masked), ("enable", ("ssh.service",))):
        for unit in units:
            if verb != "disable" or (folder / "lib/systemd/system" / unit).exists():
                run([*systemctl, verb, unit])
    run([*systemctl, "set-default", "multi-user.target"])
    for key in (folder / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (folder / "usr/sbin/policy-rc.d").unlink()
    for path in ("etc/machine-id", "etc/hostname", "var/lib/dbus/machine-id", "etc/resolv.conf"):
        (folder / path).unlink(missing_ok=True)
    for path in ("var/lib/apt/lists", "var/cache/apt"):
        shutil.rmtree(folder / path)
        (folder / path).mkdir()
    for path in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (folder / path).mkdir(parents=True)


def mirrors(suite: str) -> tuple[str, str]:
    """Those of packages and of their security updates: the machine's own mirrors if it runs this suite, since they are the ones that answer from here."""
    chosen = os.environ.get("VOS_FASTPATH_MIRROR")
    if chosen:
        return chosen, SECURITY_MIRROR
    form = "$(ORIGIN)\t$(CODENAME)\t$(REPO_URI)"
    rows = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).splitlines()
    known = {codename: uri.rstrip("/") for origin, codename, uri in (r.split("\t") for r in rows) if origin == "Debian"}
    return known.get(suite, MIRROR), known.get(f"{suite}-security", SECURITY_MIRROR)


def _sources(suite: str, mirror: str, security: str) -> str:
    return f"deb {mirror} {suite} main\ndeb {mirror} {suite}-updates main\ndeb {security} {suite}-security main\n"


def must(log: Log, argv: list[str], environment: Mapping[str, str] | None, what: str) -> None:
    """A program that needs the mirror, and has to succeed."""
    if log.run(argv, environment):
        raise LabError(f"{what}:\n{log.tail()}\nIs the mirror reachable? Another one: VOS_FASTPATH_MIRROR=http://...")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _remove(folder: Path) -> None:
    """A half-made tree; what debootstrap may have left mounted in it goes first."""
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        point = line.split()[4]
        if point.startswith(f"{folder}/"):
            run(["umount", "--lazy", point])
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
