# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The version of this collection, for the command on a host, where galaxy.yml is not. A test compares the two."""

from __future__ import annotations

__all__ = ("VERSION",)

VERSION = "0.1.0"
