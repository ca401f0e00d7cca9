# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the verifier said when it refused a program, without the thousands of lines of how it got there."""

from __future__ import annotations

import re
import typing as t

__all__ = ("verdict",)

_BEGIN, _END = "-- BEGIN PROG LOAD LOG --", "-- END PROG LOAD LOG --"
_INSTRUCTION = re.compile(r"\d+: \([0-9a-f]{2}\) ")
_WALK = re.compile(
    r"\d+: |;|from \d+ to |R\d+[_a-z]*=|mark_|last_|parent |regs=|cur state|old state|"
    r"processed \d|[Ff]unc#|propagating|verification time|stack depth"
)
"""Lines that tell where it is; the others are what it says."""


def verdict(lines: t.Sequence[str]) -> t.Optional[str]:
    """Return the refusal with the instruction and the line of source it is about; V(none) where the log has none."""
    starts = [at for at, line in enumerate(lines) if _BEGIN in line]
    if not starts:
        return None
    log = lines[starts[-1] + 1:]
    ends = [at for at, line in enumerate(log) if _END in line]
    log = log[: ends[0]] if ends else log
    last = max((at for at, line in enumerate(log) if _INSTRUCTION.match(line)), default=-1)
    said = [line.strip() for line in log[last + 1:] if not _WALK.match(line)]
    if not said:
        return None
    words = "; ".join(said)
    if last >= 0:
        words += ", at instruction %s" % log[last].split("; R")[0].rstrip("; ")
    source = next((line.lstrip("; ") for line in reversed(log[: last + 1]) if line.startswith(";")), "")
    return words + (", source %s" % source if source else "")
