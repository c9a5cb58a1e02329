"""POSIX access control lists, read and written as Linux keeps them: in an extended attribute (acl(5)).

One entry gives one user or group the right to read. It is added to what is there, and taken out of it again.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
READ, SEARCH = 4, 1
VERSION = 2
NOBODY = 0xFFFFFFFF
"""In place of an id, where an entry has none."""

_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")


class Tag(IntEnum):
    """Whom an entry is about."""

    OWNER = 0x01
    USER = 0x02
    OWNING_GROUP = 0x04
    GROUP = 0x08
    MASK = 0x10
    OTHER = 0x20


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One of a list. They are sorted by tag and id."""

    tag: int
    id: int
    rights: int


Acl = tuple[Entry, ...]


def acl_of(mode: int) -> Acl:
    """The list that a file without one has, by its mode."""
    return (
        Entry(Tag.OWNER, NOBODY, mode >> 6 & 7),
        Entry(Tag.OWNING_GROUP, NOBODY, mode >> 3 & 7),
        Entry(Tag.OTHER, NOBODY, mode & 7),
    )


def with_entry(acl: Acl, tag: Tag, identifier: int, rights: int) -> Acl:
    """The list with these rights for a user or group, besides those that they have."""
    had = next((entry.rights for entry in acl if (entry.tag, entry.id) == (tag, identifier)), 0)
    others = [entry for entry in acl if (entry.tag, entry.id) != (tag, identifier)]
    return _masked([*others, Entry(tag, identifier, had | rights)], rights)


def without_entry(acl: Acl, tag: Tag, identifier: int) -> Acl:
    """The list without that user or group. The mask stays: it limits what others have."""
    return tuple(entry for entry in acl if (entry.tag, entry.id) != (tag, identifier))


def packed(acl: Acl) -> bytes:
    """The list as the attribute holds it."""
    return _HEAD.pack(VERSION) + b"".join(_ENTRY.pack(each.tag, each.rights, each.id) for each in sorted(acl))


def unpacked(value: bytes) -> Acl:
    """The list that the attribute holds."""
    (version,) = _HEAD.unpack_from(value)
    if version != VERSION:
        raise OSError(errno.EINVAL, f"an access control list of version {version}")
    found = (_ENTRY.unpack_from(value, at) for at in range(_HEAD.size, len(value), _ENTRY.size))
    return tuple(sorted(Entry(tag, identifier, rights) for tag, rights, identifier in found))


def read(path: Path) -> Acl:
    """The list of a file or directory."""
    try:
        return unpacked(os.getxattr(path, ACCESS, follow_symlinks=False))
    except OSError as error:
        if error.errno not in {errno.ENODATA, errno.EOPNOTSUPP}:
            raise
        return acl_of(stat.S_IMODE(path.lstat().st_mode))


def let(path: Path, tag: Tag, identifier: int, rights: int) -> None:
    """Give a user or group rights to a file or directory; nothing is written when they have them."""
    acl = read(path)
    changed = with_entry(acl, tag, identifier, rights)
    if set(changed) != set(acl):
        os.setxattr(path, ACCESS, packed(changed), follow_symlinks=False)


def revoke(path: Path, tag: Tag, identifier: int) -> None:
    """Take them away again."""
    acl = read(path)
    changed = without_entry(acl, tag, identifier)
    if len(changed) != len(acl):
        os.setxattr(path, ACCESS, packed(changed), follow_symlinks=False)


def _masked(entries: list[Entry], rights: int) -> Acl:
    """With a mask that lets these rights through; a new one lets through what the owning group has, as well."""
    mask = next((entry.rights for entry in entries if entry.tag == Tag.MASK), None)
    if mask is None:
        mask = next((entry.rights for entry in entries if entry.tag == Tag.OWNING_GROUP), 0)
    others = [entry for entry in entries if entry.tag != Tag.MASK]
    return tuple(sorted([*others, Entry(Tag.MASK, NOBODY, mask | rights)]))
