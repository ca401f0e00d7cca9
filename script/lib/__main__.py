# SPDX-License-Identifier: GPL-3.0-or-later

"""python3 script/lib MODULE [ARGUMENT…]: what the programs in script/ are, each a module of workshop with a main()."""

import importlib
import sys

if sys.version_info < (3, 11):
    sys.exit("This needs Python 3.11 or newer, as ansible-core 2.19 does; this one is %d.%d." % sys.version_info[:2])

if __name__ == "__main__":
    sys.exit(importlib.import_module("workshop." + sys.argv[1]).main(sys.argv[2:]))
