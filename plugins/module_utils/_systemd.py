# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd of this host, by systemctl(1). Each method is one call of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("Systemd",)


class Systemd:
    """The one that runs, or its files only where something else is PID 1."""

    def __init__(self) -> None:
        self.program = shutil.which("systemctl", path=os.environ.get("PATH", "") + ":/usr/bin:/bin")

    def runs(self) -> bool:
        """Whether it is PID 1; the folder that sd_booted(3) looks at is also there in some containers without it."""
        with open("/proc/1/comm", encoding="ascii") as stream:
            return self.program is not None and stream.read().strip() in ("systemd", "init") and os.path.isdir("/run/systemd/system")

    def enabled(self, units: t.Sequence[str]) -> t.List[str]:
        """Return those that are enabled."""
        return self._those(units, "is-enabled", "enabled")

    def active(self, units: t.Sequence[str]) -> t.List[str]:
        """Return those that are active."""
        return self._those(units, "is-active", "active")

    def reload(self) -> None:
        """Have it read its files."""
        self._run("daemon-reload")

    def enable(self, units: t.Sequence[str]) -> None:
        """Start them at boot."""
        self._run("enable", "--quiet", "--", *units)

    def disable(self, units: t.Sequence[str]) -> None:
        """Do not start them at boot."""
        self._run("disable", "--quiet", "--", *units)

    def restart(self, units: t.Sequence[str]) -> None:
        """Start them, anew if they run."""
        self._run("restart", "--", *units)

    def stop(self, units: t.Sequence[str]) -> None:
        """Stop them."""
        self._run("stop", "--", *units)

    def forget(self, pattern: str) -> None:
        """Forget that those failed which a pattern matches, if any: it remembers them when their files are gone."""
        self._run("reset-failed", "--", pattern)

    def _those(self, units: t.Sequence[str], question: str, answer: str) -> t.List[str]:
        if self.program is None or not units:
            return []
        asked = subprocess.run([self.program, question, "--", *units], capture_output=True, text=True, check=False, env=self._environment())
        answers = asked.stdout.split()
        if len(answers) != len(units) > 1:  # is-enabled of Debian 12 ends at the first that there is no file of
            return [unit for each in units for unit in self._those([each], question, answer)]
        return [unit for unit, said in zip(units, answers) if said == answer]

    def _run(self, *words: str) -> None:
        if self.program is None:
            return
        done = subprocess.run([self.program, *words], capture_output=True, text=True, check=False, env=self._environment())
        if done.returncode:
            reason = "it ended with %d: %s" % (done.returncode, done.stderr.strip()[-500:])
            raise FastpathError("systemctl %s" % " ".join(words), reason, "See 'journalctl -b -u \"vos-fastpath*\"'")

    def _environment(self) -> t.Dict[str, str]:
        return dict(os.environ) if self.runs() else dict(os.environ, SYSTEMD_OFFLINE="1")
