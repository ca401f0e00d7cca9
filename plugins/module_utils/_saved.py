# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this host is to have, on disk: C(/etc/vos-fastpath). The modules keep it, the units and the command go by it.

C(desired.json) has the interfaces, C(allow.list) and C(block.list) the lists as Ansible manages them, and C(local/changes.jsonl)
what was changed on the host. It is written before the kernel is changed, and put back where the kernel refuses.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _files
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._entries import Collected, Comments, collect, count, empty, texts_of
from ansible_collections.vos.fastpath.plugins.module_utils._entries import Wanted as Entries
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._local import Local, Notes
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings

__all__ = ("FOLDER", "Saved", "SavedInterface", "with_local")

FOLDER = "/etc/vos-fastpath"
FORMAT = 1
_DESIRED, _BEFORE, _LOCAL = "desired.json", "before.json", os.path.join("local", "changes.jsonl")
_REMEDY = "Run the play that made it again, or remove the file and do so"


class SavedInterface(t.NamedTuple):
    """What an interface is to have."""

    mode: str
    object: str
    sha256: str
    """Of the object that was applied."""
    tag: str
    """As the kernel that ran then told it; empty where nothing was attached yet."""
    config: Config
    settings: Settings
    carries: t.Tuple[str, ...] = ()
    """The names that the play gave: an interface below them can be the one that gets their packets."""
    reached: str = ""
    """The mode that it was in when the play attached it; empty where nobody noted that yet."""

    def describe(self) -> t.Dict[str, t.Any]:
        """Return it as plain data."""
        plain = {"mode": self.mode, "object": self.object, "sha256": self.sha256, "tag": self.tag, "carries": self.carries, "reached": self.reached}
        return {**plain, **self.config._asdict(), **self.settings._asdict()}

    @classmethod
    def of(cls, plain: t.Dict[str, t.Any]) -> SavedInterface:
        """Read what describe() made."""
        config = Config(tuple(plain["ports"]), plain["af_xdp"]).check()
        settings = Settings(**{key: plain[key] for key in Settings._fields})
        settings = settings._replace(stealth=tuple(settings.stealth)).check()
        mode, path, sha256, tag = (str(plain[key]) for key in ("mode", "object", "sha256", "tag"))
        return cls(mode, path, sha256, tag, config, settings, tuple(map(str, plain["carries"])), str(plain.get("reached", "")))


def with_local(settings: Settings, notes: Notes) -> Settings:
    """Return the settings with what was changed by hand."""
    audit = notes.get(("audit", ""))
    return settings if audit is None else settings._replace(audit=bool(audit.value))


class Saved:
    """The folder."""

    def __init__(self, folder: str = FOLDER) -> None:
        self.folder = folder
        self.local = Local(os.path.join(folder, _LOCAL))

    def path(self, name: str) -> str:
        """Return where something is."""
        return os.path.join(self.folder, name)

    def installed(self) -> bool:
        """Whether this host keeps what it is to have."""
        return os.path.lexists(self.path(_DESIRED))

    def install(self, lists: t.Mapping[str, Entries]) -> bool:
        """Make what is missing, with these entries as the lists that Ansible manages; whether anything was missing."""
        made = [_files.make_folder(self.folder), _files.make_folder(os.path.dirname(self.local.path))]
        for name, entries in lists.items():
            if not os.path.lexists(self.path(_file(name))):
                _files.write(self.path(_file(name)), _list_text(name, entries, {}))
                made.append(True)
        if not self.installed():  # last: with it, the modules and the units go by what is here
            _files.write(self.path(_DESIRED), _desired({}))
            made.append(True)
        return any(made)

    def remove(self) -> t.List[str]:
        """Remove all that belongs here, and return what that was; the folder goes unless somebody keeps other things in it."""
        files = [self.path(name) for name in (*(_file(name) for name in LISTS), _LOCAL, _BEFORE, _DESIRED)]
        gone = [path for path in files if _files.remove(path)]
        for folder in (os.path.dirname(self.local.path), self.folder):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
                gone.append(folder)
        return gone

    def interfaces(self) -> t.Dict[str, SavedInterface]:
        """Return what is wanted, by interface."""
        return self._read(_DESIRED)[0]

    def _read(self, name: str) -> t.Tuple[t.Dict[str, SavedInterface], str]:
        """Return the interfaces, and the token of the change that is yet to be confirmed."""
        path = self.path(name)
        text = _files.read(path)
        if text is None:
            return {}, ""
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                raise ValueError("its format is %r, and this version knows %d" % (found["format"], FORMAT))
            interfaces = {name: SavedInterface.of(plain) for name, plain in sorted(found["interfaces"].items())}
            return interfaces, str(found.get("token", ""))
        except (ValueError, TypeError, KeyError, AttributeError, FastpathError) as error:
            raise FastpathError(path, "it can't be read: %s" % (error,), _REMEDY) from error

    def hold(self, before: t.Dict[str, SavedInterface], token: str) -> None:
        """Remember what was wanted before a change that is undone unless it is confirmed."""
        _files.write(self.path(_BEFORE), _desired(before, token))

    def confirmed(self) -> None:
        """Forget what was wanted before: the change stays."""
        _files.remove(self.path(_BEFORE))

    def settle(self, waiting: t.Optional[str]) -> bool:
        """Want again what was wanted before a change that was undone; whether one is waiting still to be confirmed."""
        if not os.path.lexists(self.path(_BEFORE)):
            return False
        before, token = self._read(_BEFORE)
        if token == waiting:
            return True
        _files.write(self.path(_DESIRED), _desired(before))
        self.confirmed()
        return False

    def behind(self, names: t.Iterable[str]) -> t.List[str]:
        """Return the interfaces that carry the filter for these names."""
        wanted = set(names)
        return [name for name, each in self.interfaces().items() if name in wanted or wanted.intersection(each.carries)]

    def keep_interfaces(self, interfaces: t.Dict[str, SavedInterface]) -> t.ContextManager[None]:
        """Write down what interfaces are to have, for what is done within; an equal one is not written again."""
        if interfaces == self.interfaces():
            return contextlib.nullcontext()
        return _files.replaced(self.path(_DESIRED), _desired(interfaces))

    def entries(self, name: str) -> Collected:
        """Return the managed entries of the list V(allow) or V(block), with their comments."""
        from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed, read_hosts

        path = self.path(_file(name))
        text = _files.read(path)
        if text is None:
            raise FastpathError(path, "it is missing", _REMEDY)
        head, _end, rest = text.partition("\n")
        try:
            return read_hosts(rest if head.startswith("#") else text) or collect((), read_feed(path, text), 0.0)
        except FastpathError as error:
            raise FastpathError(path, "it can't be read: %s" % error, _REMEDY) from error

    def keep_entries(self, name: str, entries: Entries, comments: Comments) -> t.Optional[t.ContextManager[None]]:
        """Write a list down for what is done within; V(none) where it is so already."""
        path, text = self.path(_file(name)), _list_text(name, entries, comments)
        return None if _files.read(path) == text else _files.replaced(path, text)

    def forget_lists(self) -> None:
        """Empty the lists, and forget what was changed of them by hand."""
        for name in LISTS:
            _files.write(self.path(_file(name)), _list_text(name, empty(), {}))
        self.local.compact(lambda note: note.what not in LISTS)


def _file(name: str) -> str:
    return name + ".list"


def _desired(interfaces: t.Dict[str, SavedInterface], token: str = "") -> str:
    plain = {name: interface.describe() for name, interface in interfaces.items()}
    whole = {"format": FORMAT, "interfaces": plain, **({"token": token} if token else {})}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def _list_text(name: str, entries: Entries, comments: Comments) -> str:
    """Return the list as a person reads it, and as read_feed() does."""
    head = "# The %slist as Ansible manages it, %d entries. The next play writes it anew; for changes by hand: vos-fastpath\n"
    parts = [head % (name, count(entries))]
    for table, keys in entries.items():
        texts: t.Iterable[str] = texts_of(table, keys, len(keys))
        if any(keys.values()):
            ends = {when: time.strftime(", %Y-%m-%dT%H:%M:%SZ", time.gmtime(round(when))) if when else "" for when in set(keys.values())}
            texts = (text + ends[when] for text, when in zip(texts, keys.values()))
        said = comments.get(table)
        if said:
            texts = (text + "  # " + said[key] if key in said else text for text, key in zip(texts, keys))
        parts += [text + "\n" for text in texts]
    return "".join(parts)
