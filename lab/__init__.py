# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: a small fleet of SBC hosts, a trusted peer and a scanner, on one machine."""
