# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison run: a fleet before the filter, with it, and after it, with real traffic and a report."""
