# SPDX-License-Identifier: GPL-3.0-or-later

"""What script/setup and script/test are made of: Python's own library only, for they run before anything is installed."""
