# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting programs on interfaces and taking them off, and putting back what was there where that fails."""

from __future__ import annotations

import contextlib
import errno
import functools
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._holders import words_of
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING, Refused
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Live
from ansible_collections.vos.fastpath.plugins.module_utils._preflight import outlook_of

__all__ = ("Undo", "all_or_nothing", "attach_first", "set_program", "take_off", "verify")

_FIRST = bytes(4)
_CANNOT = (errno.EOPNOTSUPP, errno.EINVAL, errno.ERANGE, errno.ENOMEM, errno.ENOSPC, errno.EFAULT)
"""With these a driver says that it can't: then what is known of the device says more than the errno."""
_TAKEN = (errno.EBUSY, errno.EEXIST)  # somebody else was there first: no reason to try another mode


Undo = t.Callable[[t.Optional[t.Container[t.Optional[int]]]], t.List[str]]
"""Puts all interfaces back as they were; where programs are named, only those that carry one of them. Returns what failed, in words."""


@contextlib.contextmanager
def all_or_nothing(kernel: AttachingKernel, lives: t.Sequence[Live]) -> t.Iterator[Undo]:
    """Where one interface can't be brought to what is wanted, put all of them back as they were. Gives what does that."""
    with contextlib.ExitStack() as stack:
        olds = [stack.enter_context(kernel.opened(live.program.prog_id)) if live.program else NOTHING for live in lives]
        host = _pinned(kernel, stack, None)
        pinned = [_pinned(kernel, stack, live.interface.ifindex) for live in lives]

        def undo(only: t.Optional[t.Container[t.Optional[int]]]) -> t.List[str]:
            left = []
            for live, old, pins in zip(lives, olds, pinned):
                if only is None or _prog_id(kernel, live.interface.ifindex) in only:
                    left.append(_tried(functools.partial(_put_back, kernel, live, old)))
                    left.append(_tried(functools.partial(_pin_back, kernel, live.interface.ifindex, pins)))
                else:
                    left.append("%s was changed by somebody else meanwhile, and left so" % live.interface.name)
            if not any(left):
                left.append(_tried(functools.partial(_pin_back, kernel, None, host)))
            return [words for words in left if words]

        try:
            yield undo
        except (FastpathError, OSError) as error:
            left = undo(None)
            if left:
                reason = "%s. What was there before could not be put back altogether" % str(error).rstrip(".")
                raise FastpathError("Half done", reason, "; ".join(left)) from error
            raise


def _prog_id(kernel: AttachingKernel, ifindex: int) -> t.Optional[int]:
    program = kernel.attached(ifindex)
    return None if program is None else program.prog_id


def _tried(undo: t.Callable[[], None]) -> str:
    """Do it; return what went wrong, since the others are to be put back all the same."""
    try:
        undo()
    except (FastpathError, OSError) as error:
        return str(error)
    return ""


_Pinned = t.Optional[t.Dict[str, Map]]


def _pinned(kernel: AttachingKernel, stack: contextlib.ExitStack, ifindex: t.Optional[int]) -> _Pinned:
    """Hold what is pinned."""
    if not kernel.is_pinned(ifindex):
        return None
    return {name: stack.enter_context(kernel.map_by_id(number)) for name, number in kernel.pinned(ifindex).items()}


def _pin_back(kernel: AttachingKernel, ifindex: t.Optional[int], before: _Pinned) -> None:
    if before is None:
        kernel.forget(ifindex)
    elif kernel.pinned(ifindex) != {name: opened.info.id for name, opened in before.items()}:
        kernel.pin(ifindex, before)


def _put_back(kernel: AttachingKernel, live: Live, old: int) -> None:
    """Attach what was attached before; C(old) is its file descriptor. What somebody else attached meanwhile stays."""
    before, now, interface = live.program, kernel.attached(live.interface.ifindex), live.interface
    if now is not None and now.ours and (before is None or now.prog_id != before.prog_id):
        same_mode = before is not None and before.mode == now.mode
        with kernel.opened(now.prog_id) as new:
            set_program(kernel, interface, now.mode, old if same_mode else NOTHING, new)
        now = now if same_mode else None
    if now is None and before is not None:
        set_program(kernel, interface, before.mode, old, NOTHING)
    if before is not None and live.settings is not None:
        with kernel.map_by_id(before.maps["xdp_settings"]) as opened:
            opened.update(_FIRST, live.settings.pack())


def attach_first(kernel: AttachingKernel, interface: Interface, fd: int, mode: str) -> t.Tuple[str, t.Optional[str]]:
    """Attach where nothing is. Returns the mode and, after a fall-back, why the driver refused native."""
    if mode != "auto":
        set_program(kernel, interface, mode, fd, NOTHING)
        return mode, None
    try:
        kernel.attach(interface.ifindex, "native", fd, NOTHING)
        return "native", None
    except Refused as refused:
        if refused.code in _TAKEN:
            raise _not_attached(kernel, interface, "native", refused) from refused
        set_program(kernel, interface, "generic", fd, NOTHING)
        return "generic", refused.words


def set_program(kernel: AttachingKernel, interface: Interface, mode: str, fd: int, expected: int) -> None:
    try:
        kernel.attach(interface.ifindex, mode, fd, expected)
    except Refused as refused:
        raise _not_attached(kernel, interface, mode, refused) from refused


def take_off(kernel: AttachingKernel, live: Live, attached: bool) -> None:
    program, interface = live.program, live.interface
    if program is not None and attached:
        with kernel.opened(program.prog_id) as expected:
            set_program(kernel, interface, program.mode, NOTHING, expected)
        left = kernel.attached(interface.ifindex)
        if left is not None:
            reason = "after detaching, %s is still there" % words_of(left)
            raise FastpathError(interface.name, reason, "Look at 'ip -details link show'")
    kernel.forget(interface.ifindex)


def verify(kernel: AttachingKernel, interface: Interface, mode: str, prog_id: int) -> None:
    found = kernel.attached(interface.ifindex)
    if found is None or (found.mode, found.prog_id) != (mode, prog_id):
        there = words_of(found) if found else "nothing"
        reason = "the kernel accepted program %d (%s), but %s is attached" % (prog_id, mode, there)
        raise FastpathError(interface.name, reason, "See who else manages XDP on this interface")


def _not_attached(kernel: AttachingKernel, interface: Interface, mode: str, refused: Refused) -> FastpathError:
    remedies = {
        errno.EOPNOTSUPP: "Use mode=auto or mode=generic",
        errno.ERANGE: "Lower the MTU, or use mode=generic",
        errno.EINVAL: "Lower the MTU, or use mode=generic",
        errno.EPERM: "Run as root (CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON)",
    }
    if mode == "offload":
        remedies[errno.EINVAL] = "This NIC does not execute BPF, use mode=auto"
    look = "See 'ip -details link show dev %s', then run the task again" % interface.name
    reason = "the kernel refused to change its XDP program (%s): %s" % (mode, refused.words)
    remedy = remedies.get(refused.code, look)
    if refused.code in _CANNOT:
        remedy = _explained(kernel, interface, mode, remedy)
    return FastpathError(interface.name, reason, remedy, errno=refused.code)


def _explained(kernel: AttachingKernel, interface: Interface, mode: str, remedy: str) -> str:
    """What the device tells says more than an errno, where it foretold that native is not possible."""
    found = outlook_of(kernel, interface)
    if mode != "native" or not found.remedy:
        return remedy
    return "%s, or use mode=generic (%s)" % (found.remedy, found.why)
