# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception of the lab: what went wrong, and what to do about it."""


class LabError(Exception):
    """Something the person at the keyboard can act on; its text is what they are shown."""
