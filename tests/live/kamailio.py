# SPDX-License-Identifier: GPL-3.0-or-later

"""A real SIP server: Debian's Kamailio, which answers OPTIONS and INVITE, logs the responses it gets, and may answer the rest."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.vos.fastpath.tests.debian import find_program
from ansible_collections.vos.fastpath.tests.live.packets import BOX4, BOX6

LOGGED = "got the response"

_CONFIG = f"""#!KAMAILIO
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
mpath="%s"
listen=udp:{BOX4}:5060
listen=udp:[{BOX6}]:5060
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "xlog.so"
request_route {{
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("INVITE")) {{ sl_send_reply("486", "Busy Here"); exit; }}
#!ifdef TALKATIVE
    sl_send_reply("405", "Method Not Allowed");
#!endif
}}
reply_route {{
    xlog("L_ALERT", "{LOGGED} $ci\\n");
    drop;
}}
"""
_PR_SET_PDEATHSIG = 1


def find_kamailio(cache: Path) -> Path | None:
    """Return the root of Kamailio's files: of the machine, or of the Debian package, unpacked in the cache."""
    root = find_program("kamailio", "kamailio", cache)
    return root if root and _runs(root) else None


def _runs(root: Path) -> bool:
    return subprocess.run([str(root / "usr/sbin/kamailio"), "-v"], capture_output=True, check=False).returncode == 0


class Kamailio:
    """A running server."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def responses(self) -> list[str]:
        """The Call-IDs of the responses that reached it."""
        return [line.rsplit(" ", 1)[1] for line in self._log.read_text().splitlines() if LOGGED in line]


@contextlib.contextmanager
def running(root: Path, folder: Path, talkative: bool = False) -> Iterator[Kamailio]:
    """Start it, wait until it listens, and end it with all its processes. A talkative one answers whatever it takes for SIP."""
    config, log = folder / "kamailio.cfg", folder / "kamailio.log"
    config.write_text(_CONFIG % (root / "usr/lib" / f"{platform.machine()}-linux-gnu" / "kamailio/modules"))
    options = ("-A", "TALKATIVE") if talkative else ()
    command = (str(root / "usr/sbin/kamailio"), "-DD", "-E", "-f", str(config), "-Y", str(folder), "-m", "64", "-M", "8", *options)
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, preexec_fn=_die_with_us, cwd=folder)
    try:
        _wait_until_it_listens(process, log)
        yield Kamailio(log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_it_listens(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while subprocess.run(["ss", "-Hlun", "sport", "=", "5060"], capture_output=True, text=True, check=True).stdout.count("5060") < 2:
        assert process.poll() is None, f"Kamailio ended:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"Kamailio does not listen:\n{log.read_text()}"
        time.sleep(0.05)
