# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send the blocklist to the host."""

from __future__ import annotations

from ansible_collections.vos.fastpath.plugins.plugin_utils._list_action import ListAction


class ActionModule(ListAction):
    """See there."""
