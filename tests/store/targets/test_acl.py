"""Access control lists as the kernel keeps them, and the rights of users to files that are linked for them."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from beamcat.errors import BadParameter
from beamcat.store.targets import acl
from beamcat.store.targets.acl import NOBODY, Entry, Tag
from beamcat.store.targets.folders import Folders, Reader

ANN, BOB, TEAM = 61001, 61002, 61003


def rights(path: Path, tag: Tag, identifier: int) -> int | None:
    return next((entry.rights for entry in acl.read(path) if (entry.tag, entry.id) == (tag, identifier)), None)


def test_a_list_is_packed_as_the_kernel_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(0o640)
    before = acl.read(file)
    assert acl.unpacked(acl.packed(before)) == before == tuple(sorted(acl.acl_of(0o640)))
    acl.let(file, Tag.USER, ANN, acl.READ)
    acl.let(file, Tag.GROUP, TEAM, acl.READ)
    found = acl.unpacked(os.getxattr(file, acl.ACCESS))
    assert set(found) == {
        Entry(Tag.OWNER, NOBODY, 6),
        Entry(Tag.USER, ANN, 4),
        Entry(Tag.OWNING_GROUP, NOBODY, 4),
        Entry(Tag.GROUP, TEAM, 4),
        Entry(Tag.MASK, NOBODY, 4),
        Entry(Tag.OTHER, NOBODY, 0),
    }
    acl.revoke(file, Tag.USER, ANN)
    acl.revoke(file, Tag.USER, BOB)
    assert rights(file, Tag.USER, ANN) is None
    assert rights(file, Tag.GROUP, TEAM) == 4


def test_the_mask_lets_a_reader_through_and_the_group_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(0o600)
    acl.let(file, Tag.USER, ANN, acl.READ)
    assert Entry(Tag.MASK, NOBODY, 4) in acl.read(file)
    assert Entry(Tag.OWNING_GROUP, NOBODY, 0) in acl.read(file)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_the_kernel_lets_in_who_should_be_let_in_and_nobody_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for folder in (root, *root.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o011)
    folders = Folders(root)
    base = root / "FAC" / "1-1" / "7"
    folders.make(base, 7, Reader(ANN, TEAM, by_acl=True))
    inner = base / "inner"
    inner.mkdir(0o750)
    file = inner / "file"
    file.write_bytes(b"data")
    file.chmod(0o640)
    Reader(ANN, TEAM, by_acl=True).let_read(file)

    def may(uid: int, gid: int, what: str, path: Path) -> bool:
        """Whether another user may do something to a file."""
        command = ["/bin/sh", "-c", {"read": 'cat "$0"', "write": 'echo >> "$0"', "list": 'ls "$0"'}[what], str(path)]
        done = subprocess.run(command, check=False, user=uid, group=gid, extra_groups=[], capture_output=True)
        return done.returncode == 0

    for uid, gid, expected in ((ANN, ANN, True), (BOB, TEAM, True), (BOB, BOB, False)):
        assert may(uid, gid, "read", file) == expected
        assert not may(uid, gid, "write", file)
        assert not may(uid, gid, "write", base / "new")
    assert not may(ANN, ANN, "list", root / "FAC")
    assert base.stat().st_mode & stat.S_ISGID
    assert inner.stat().st_mode & stat.S_ISGID
    assert inner.stat().st_gid == TEAM


def test_the_right_to_a_linked_file_goes_with_the_last_link(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "root"
    source.write_bytes(b"data")
    source.chmod(0o640)
    root.mkdir()
    folders = Folders(root)
    for download in (7, 8):
        base = root / "FAC" / "1-1" / str(download)
        reader = Reader(ANN, None, by_acl=True)
        folders.make(base, download, reader)
        (base / "file").hardlink_to(source)
        reader.let_read(base / "file")
    assert folders.remove(root / "FAC" / "1-1" / "7", 7, ANN, ".complete") == 0
    assert rights(source, Tag.USER, ANN) == acl.READ
    assert folders.remove(root / "FAC" / "1-1" / "8", 8, ANN, ".complete") == 0
    assert rights(source, Tag.USER, ANN) is None
    assert source.read_bytes() == b"data"
    assert not (root / "FAC").exists()


def test_without_lists_the_group_reads_copies_alone(tmp_path: Path) -> None:
    own, linked = tmp_path / "own", tmp_path / "linked"
    for file in (own, linked):
        file.touch(0o600)
    (tmp_path / "other").hardlink_to(linked)
    reader = Reader(None, os.getgid(), by_acl=False)
    reader.let_read(own)
    assert stat.S_IMODE(own.stat().st_mode) == 0o640
    with pytest.raises(PermissionError):
        reader.let_read(linked)


def test_rights_are_not_given_while_others_are_taken_away(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.make(tmp_path / "FAC" / "1-1" / "7", 7, Reader(ANN, None, by_acl=True))
    first = folders.try_lock(ANN, alone=False)
    second = folders.try_lock(ANN, alone=False)
    assert first is not None
    assert second is not None
    assert folders.try_lock(ANN, alone=True) is None
    os.close(first)
    os.close(second)
    alone = folders.try_lock(ANN, alone=True)
    assert alone is not None
    assert folders.try_lock(ANN, alone=False) is None
    os.close(alone)


def test_no_place_leads_out(tmp_path: Path) -> None:
    for place in ("../x", "/etc/passwd", "a/../../b", ".incoming/7", ".users/1/7", ""):
        with pytest.raises(BadParameter):
            Folders(tmp_path).below(place)
