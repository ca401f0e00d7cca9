# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_host: a host that stays protected without the controller, or one as it was before."""

from __future__ import annotations

import contextlib
import glob
import grp
import os
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _files, _lists, _zipapp
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._clock import boot_time, seconds_of
from ansible_collections.vos.fastpath.plugins.module_utils._entries import Wanted as Entries
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._manual import bash_completion, manual, zsh_completion
from ansible_collections.vos.fastpath.plugins.module_utils._repairs import COMPARED, COUNTERS
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.plugins.module_utils._systemd import Systemd
from ansible_collections.vos.fastpath.plugins.module_utils._units import SERVERS, instance, unit_files
from ansible_collections.vos.fastpath.plugins.module_utils._units_more import (
    ARGUMENTS,
    COMPARISON,
    HOOK_SERVICE,
    METRICS_SERVICE,
    RUN,
    STARTED,
    all_units,
    metrics_file,
    more_units,
)

__all__ = ("ARGUMENT_SPEC", "Places", "host_task")

ARGUMENT_SPEC: t.Dict[str, t.Any] = {
    "interfaces": {"type": "list", "elements": "str", "aliases": ["interface"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "verify_interval": {"type": "int", "default": 60},
    **ARGUMENTS,
    "packed": {"type": "str", "no_log": True},  # much, and nothing for the journal
}

_FOLDERS = "folders"


class Places(t.NamedTuple):
    """Where things are installed."""

    command: str = "/usr/local/sbin/vos-fastpath"
    manual: str = "/usr/local/share/man/man8/vos-fastpath.8"
    bash: str = "/usr/local/share/bash-completion/completions/vos-fastpath"
    zsh: str = "/usr/local/share/zsh/site-functions/_vos-fastpath"
    units: str = "/etc/systemd/system"
    counters: str = COUNTERS
    run: str = RUN
    compared: str = COMPARED


def host_task(
    params: t.Dict[str, t.Any],
    check: bool,
    kernel: t.Optional[Kernel] = None,
    saved: t.Optional[Saved] = None,
    systemd: t.Optional[Systemd] = None,
    places: t.Optional[Places] = None,
) -> t.Dict[str, t.Any]:
    """Install or remove the command, the units and what is saved. Raises FastpathError."""
    saved, systemd, places = saved or Saved(), systemd or Systemd(), places or Places()
    present = params["state"] == "present"
    actions = _install(params, check, kernel or Kernel(), saved, systemd, places) if present else _remove(saved, systemd, places, check)
    diff = {"before": "", "after": "".join(action + "\n" for action in actions)}
    result: t.Dict[str, t.Any] = {"changed": bool(actions), "actions": actions, "diff": diff}
    result.update(command=places.command, systemd=systemd.runs())
    if present and not result["systemd"]:
        words = "systemd is not PID 1 here: the units are installed but not started. Have 'vos-fastpath restore' run at boot, before the SIP server"
        result["warnings"] = [words]
    return result


def _install(
    params: t.Dict[str, t.Any], check: bool, kernel: Kernel, saved: Saved, systemd: Systemd, places: Places
) -> t.List[str]:
    if not params["packed"]:
        remedy = "Run the module by its full name vos.fastpath.xdp_host, so that the controller sends it"
        raise FastpathError("packed", "the command is missing", remedy)
    if not 10 <= params["verify_interval"] <= 86400:
        reason = "it has to be 10 to 86400 seconds"
        raise FastpathError("verify_interval: %d" % params["verify_interval"], reason, "The default is 60")
    more = more_units(places.command, params)
    if params["hook"] and not check:  # an earlier task of the play would make it
        _check_group(params["hook_group"])
    actions = []
    if not saved.installed():
        actions.append("make %s" % saved.folder)
        if not check:
            saved.install({name: _in_kernel(kernel, name) for name in LISTS})
    old = _stale_metrics(params["metrics_file"], places)
    actions += _take_away([name for name in (*all_units(), *COMPARISON) if name not in more], systemd, places, check) + _delete(old, check)
    command = _install_command(_zipapp.unpack(params["packed"]), places, check)
    always = unit_files(places.command, params["verify_interval"], _servers(places))
    texts = {os.path.join(places.units, name): text for name, text in {**always, **more}.items()}
    changed = [os.path.basename(path) for path in _write_texts(texts, saved, check)]
    texts = {places.manual: manual(), places.bash: bash_completion(), places.zsh: zsh_completion()}
    actions += command + ["install %s" % path for path in _write_texts(texts, saved, check)]
    actions += ["install the unit %s" % name for name in changed]
    enabled = list(always)[:2] + [name for name in STARTED if name in more]
    stale = {unit for unit in enabled if unit in changed or command and unit.endswith(".service")}
    hook = systemd.active([HOOK_SERVICE]) if systemd.runs() and (command or HOOK_SERVICE in changed) else []
    actions += _enable(enabled, params["interfaces"] or [], bool(changed), stale, systemd, places, check)
    return actions + _renew(hook, systemd, check)


def _check_group(name: str) -> None:
    """Refuse a group that is not there: systemd would only find it out when everything else is installed, and open no socket."""
    try:
        grp.getgrnam(name)
    except KeyError:
        if not name.isdigit():
            reason = "this host has no such group"
            raise FastpathError("hook_group: %s" % name, reason, "Install the SIP server first, or name a group that is there") from None


def _install_command(sources: t.Mapping[str, bytes], places: Places, check: bool) -> t.List[str]:
    if _zipapp.is_made_of(places.command, sources):
        return []
    if not check:
        _files.write(places.command, _zipapp.make(sources), 0o755)
    return ["install %s" % places.command]


def _in_kernel(kernel: Kernel, name: str) -> Entries:
    """Return the list as it is in the kernel: an earlier version, or tasks of somebody's own, may have made it."""
    boot, heads = boot_time(), _lists.read(kernel)
    entries: Entries = {}
    for table, keys in _lists.listed(heads, name).items():
        ticks = {key: _lists.expires_of(heads[table][key], name) for key in keys}
        entries[table] = {key: boot + seconds_of(tick) if tick else 0.0 for key, tick in ticks.items()}
    return entries


def _write_texts(texts: t.Mapping[str, str], saved: Saved, check: bool) -> t.List[str]:
    """Write the files that are not so already, and return their paths."""
    other = [path for path, text in texts.items() if _files.read(path) != text]
    if not check:
        for path in other:
            _make_folders(os.path.dirname(path), saved)
            _files.write(path, texts[path])
    return other


def _make_folders(path: str, saved: Saved) -> None:
    """Make a folder and those above it, and note which were not there: they are to go again."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    if missing:
        _files.append(saved.path(_FOLDERS), "".join(each + "\n" for each in reversed(missing)))
        os.makedirs(missing[0], mode=0o755)


def _remove_folders(saved: Saved) -> None:
    """Remove the folders that were made for this, unless somebody else has something in them by now."""
    for path in reversed((_files.read(saved.path(_FOLDERS)) or "").splitlines()):
        with contextlib.suppress(OSError):
            os.rmdir(path)
    _files.remove(saved.path(_FOLDERS))


def _enable(
    units: t.List[str],
    interfaces: t.Sequence[str],
    reload: bool,
    stale: t.Set[str],
    systemd: Systemd,
    places: Places,
    check: bool,
) -> t.List[str]:
    wanted = units + [instance(name) for name in interfaces]
    there = systemd.enabled(wanted)
    enable = [unit for unit in wanted if unit not in there]
    disable = [unit for unit in _linked(places, "vos-fastpath@*.service") if unit not in wanted]
    running = systemd.runs()
    active = systemd.active(units) if running else units
    restart = [unit for unit in units if unit not in active or unit in stale]
    if not check:
        if reload and running:
            systemd.reload()
        if enable:
            systemd.enable(enable)
        if disable:
            systemd.disable(disable)
        if restart and running:
            systemd.restart(restart)
    done = {"enable": enable, "disable": disable, "start": restart if running else []}
    return ["%s %s" % (verb, unit) for verb, some in done.items() for unit in some]


def _renew(units: t.Sequence[str], systemd: Systemd, check: bool) -> t.List[str]:
    """Start anew what runs for long, and would go on with the old command."""
    if units and not check:
        systemd.restart(units)
    return ["restart %s" % unit for unit in units]


def _take_away(units: t.Sequence[str], systemd: Systemd, places: Places, check: bool) -> t.List[str]:
    """Remove units that are not wanted any more."""
    there = [name for name in units if os.path.lexists(os.path.join(places.units, name))]
    if not there:
        return []
    enabled = systemd.enabled(there)
    if not check:
        _stop(there, systemd, places)
        if enabled:
            systemd.disable(enabled)
        for name in there:
            os.unlink(os.path.join(places.units, name))
        if systemd.runs():
            systemd.reload()
    return ["disable %s" % name for name in enabled] + ["remove the unit %s" % name for name in there]


def _stop(units: t.Sequence[str], systemd: Systemd, places: Places) -> None:
    """Stop those that there are: systemctl refuses one whose file was removed by hand, unless it still runs."""
    if not systemd.runs():
        return
    active = systemd.active(units)
    there = [name for name in units if name in active or os.path.lexists(os.path.join(places.units, name))]
    if there:
        systemd.stop(there)


def _stale_metrics(wanted: t.Optional[str], places: Places) -> t.List[str]:
    """Return the metrics that nobody will write any more: Prometheus would take them for new ones."""
    path = metrics_file(_files.read(os.path.join(places.units, METRICS_SERVICE)) or "")
    return [path] if path is not None and path != wanted and os.path.lexists(path) else []


def _delete(paths: t.Sequence[str], check: bool) -> t.List[str]:
    if not check:
        for path in paths:
            _files.remove(path)
    return ["remove %s" % path for path in paths]


def _linked(places: Places, pattern: str) -> t.List[str]:
    """Return the units that are enabled, by their links: is-enabled does not know those whose file was removed by hand."""
    links = glob.glob(os.path.join(glob.escape(places.units), "*.wants", pattern))
    return sorted({os.path.basename(link) for link in links})


def _servers(places: Places) -> t.List[str]:
    """Return the SIP servers that are to start behind the filter; Before= takes no pattern, so the instances that are enabled are named."""
    return [*SERVERS, *(unit for name in SERVERS for unit in _linked(places, name.replace(".", "@*.")))]


def _remove(saved: Saved, systemd: Systemd, places: Places, check: bool) -> t.List[str]:
    stale = _stale_metrics(None, places)
    actions = _take_away((*all_units(), *COMPARISON), systemd, places, check) + _delete(stale, check)
    units = unit_files("", 0)
    files = [os.path.join(places.units, name) for name in units]
    files += [places.command, places.manual, places.bash, places.zsh, places.counters, places.compared]
    files = [path for path in files if os.path.lexists(path)]
    enabled = [unit for name in units for unit in _linked(places, name.replace("@.", "@*."))]
    actions += ["disable %s" % unit for unit in enabled] + ["remove %s" % path for path in files]
    if saved.installed():
        actions.append("remove %s" % saved.folder)
    if actions and not check:
        _stop([name for name in units if "@" not in name], systemd, places)
        if enabled:
            systemd.disable(enabled)
        for path in files:
            os.unlink(path)
        _remove_folders(saved)
        saved.remove()
        if systemd.runs():
            systemd.forget("vos-fastpath*")
            systemd.reload()
        for folder in (os.path.dirname(places.counters), places.run):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    return actions
