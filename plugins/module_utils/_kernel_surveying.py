# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel as xdp_info sees it: what decides how XDP works on a device too."""

from __future__ import annotations

import platform
import re

from ansible_collections.vos.fastpath.plugins.module_utils._devices import Device, read_device
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._outlook import Release

__all__ = ("SurveyingKernel",)


class SurveyingKernel(Kernel):
    """The real one."""

    def device(self, interface: Interface) -> Device:
        """Return what decides how XDP works on an interface. Raises C(OSError)."""
        return read_device(interface)

    def release(self) -> Release:
        """Return the first two numbers of the kernel's version."""
        release = re.match(r"(\d+)\.(\d+)", platform.release())
        return (int(release.group(1)), int(release.group(2))) if release else (0, 0)
