# SPDX-License-Identifier: GPL-3.0-or-later

"""Install what a part of this checkout needs: Debian packages where they are missing, virtual environments in the checkout.

script/setup [run] [test] [lint] [docs] [molecule]     (none named: all; a second call does nothing and is instant)
"""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Sequence

from workshop import environments, packages, places


def main(parts: Sequence[str]) -> int:
    """Do what the module says."""
    unknown = sorted(set(parts) - set(environments.FAMILIES))
    if unknown:
        print(f"{__doc__}\nsetup: no such part: {' '.join(unknown)}", file=sys.stderr)
        return 2
    places.CACHE.mkdir(exist_ok=True)
    with (places.CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would write into each other's environments
        try:
            install(parts or tuple(environments.FAMILIES))
        except (environments.Unusable, packages.Missing) as error:
            print(f"setup: {error}", file=sys.stderr)
            return 1
    return 0


def install(parts: Sequence[str]) -> None:
    """Packages first: the environments are made with one of them."""
    packages.install(parts)
    base = environments.interpreter()
    for part in parts:
        for name in environments.FAMILIES[part]:
            begin = time.monotonic()
            if environments.make(name, base):
                print(f"setup: {places.venv(name).name} made in {time.monotonic() - begin:.1f} s", flush=True)
