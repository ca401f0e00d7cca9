# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the lab that are virtual machines: kernels, drivers and reboots of their own."""
