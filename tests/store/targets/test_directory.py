"""What a directory does beyond what every target promises: links, users of the machine, room, damaged bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from beamcat.config import DirectoryTargetSettings
from beamcat.errors import Unavailable
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.targets.contract import Action, Order, SourceFile, State
from beamcat.store.targets.directory import DirectoryTarget
from beamcat.store.targets.unix_users import UnixUsers
from beamcat.testing.targets import ANN, ORDER, Sources, brought
from tests.store.targets.test_directory_contract import directory


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    base = tmp_path / "sources"
    base.mkdir()
    found = Sources(PosixStorage(base), base)
    for name in ("one", "two"):
        found.put(f"FAC/{name}", name.encode() * 1000)
    return found


def made(tmp_path: Path, sources: Sources, **more: Any) -> DirectoryTarget:
    (tmp_path / "target").mkdir(exist_ok=True)
    return DirectoryTarget("disk", directory(tmp_path / "target", **more), sources.storage)


def there(tmp_path: Path, file: SourceFile, order: Order = ORDER) -> Path:
    return tmp_path / "target" / "FAC" / "1-1" / str(order.id) / file.name


async def test_links_are_the_files_themselves_and_copies_are_not(tmp_path: Path, sources: Sources) -> None:
    for order, link in ((ORDER, True), (replace(ORDER, id=8), False)):
        target = made(tmp_path, sources, link=link)
        await brought(target, order, sources.files)
        for file in sources.files:
            assert file.path is not None
            assert there(tmp_path, file, order).samefile(file.path) is link
        target.close()


async def test_what_is_there_is_not_brought_again(tmp_path: Path, sources: Sources) -> None:
    one, two = sources.files
    for link in (True, False):
        target = made(tmp_path, sources, link=link)
        order = replace(ORDER, id=10 + link)
        await brought(target, order, [one])
        before = there(tmp_path, one, order).stat()
        planned = await target.plan(order, [one, two])
        assert [each.action for each in planned] == [Action.SKIP, Action.LINK if link else Action.COPY]
        _, progress = await brought(target, order, [one, two])
        assert (progress.files_done, progress.bytes_done) == (2, one.size + two.size)
        assert there(tmp_path, one, order).stat() == before
        assert one.path is not None
        changed = replace(one, version="another", size=3)
        assert [each.action for each in await target.plan(order, [changed])] != [Action.SKIP]
        target.close()


async def test_a_source_that_changes_is_not_taken_for_the_one_that_was_planned(
    tmp_path: Path, sources: Sources
) -> None:
    one, two = sources.files
    assert one.path is not None
    one.path.unlink()
    one.path.write_bytes(b"other bytes")
    for link in (True, False):
        target = made(tmp_path, sources, link=link)
        _, progress = await brought(target, replace(ORDER, id=20 + link), [one, two])
        assert [failure.datafile for failure in progress.failed] == [one.id]
        assert "changed while" in progress.failed[0].reason
        assert not progress.failed[0].final
        assert not there(tmp_path, one, replace(ORDER, id=20 + link)).exists()
        target.close()


async def test_bytes_that_are_not_the_known_ones_are_not_kept(tmp_path: Path, sources: Sources) -> None:
    one, two = sources.files
    target = made(tmp_path, sources, link=False)
    _, progress = await brought(target, ORDER, [replace(one, crc32=1), two])
    if progress.failed:  # where the file system has clones, nothing is read
        assert progress.failed[0].reason.endswith("and not 00000001")
        assert not there(tmp_path, one).exists()
    assert there(tmp_path, two).read_bytes() == b"two" * 1000
    assert list((tmp_path / "target" / ".incoming" / "7").iterdir()) == []
    target.close()


async def test_leavings_of_a_process_that_died_are_removed(tmp_path: Path, sources: Sources) -> None:
    left = tmp_path / "target" / ".incoming" / "7" / "half"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    target = made(tmp_path, sources)
    _, progress = await brought(target, ORDER, sources.files)
    assert progress.state is State.DONE
    assert not left.exists()
    target.close()


async def test_requests_wait_for_room_where_they_take_any(tmp_path: Path, sources: Sources) -> None:
    order = replace(ORDER, size=1000)
    assert await made(tmp_path, sources, keep_free_bytes=1 << 60).check(order) is None
    refusal = await made(tmp_path, sources, keep_free_bytes=1 << 60, link=False).check(order)
    assert refusal is not None
    assert (refusal.reason, refusal.later) == ("there is no room at disk for 1000 bytes", True)


async def test_who_somebody_is_on_the_machine(tmp_path: Path) -> None:
    def users(**given: Any) -> UnixUsers:
        return UnixUsers(DirectoryTargetSettings(kind="directory", path=tmp_path, **given))

    by_pattern = users(user_pattern="ldap/(.+)")
    found = await by_pattern.find("ldap/nobody")
    assert found is not None
    assert (found.name, found.uid) == ("nobody", 65534)
    for name in ("db/nobody", "ldap/nobody-of-that-name", "ldap/root", "xldap/nobody", "ldap/"):
        assert await by_pattern.find(name) is None
    by_command = users(user_command=("/bin/sh", "-c", 'test "$0" = ldap/ann || exit 67; echo nobody', "{user}"))
    assert await by_command.find("ldap/ann") == found
    assert await by_command.find("ldap/bob") is None
    with pytest.raises(Unavailable, match="exit code 3"):
        await users(user_command=("/bin/sh", "-c", "exit 3", "{user}")).find("ldap/ann")


async def test_who_is_not_on_the_machine_is_refused(tmp_path: Path, sources: Sources) -> None:
    target = made(tmp_path, sources, user_command=(), user_pattern="ldap/(.+)")
    refusal = await target.check(ORDER)
    assert refusal is not None
    assert refusal.reason == "simple/ann has no account on the machines that reach disk"
    assert await target.check(replace(ORDER, person=replace(ANN, name="ldap/nobody"))) is None


async def test_names_of_facilities_and_visits_lead_nowhere(tmp_path: Path, sources: Sources) -> None:
    target = made(tmp_path, sources)
    odd = replace(ORDER, facility="../..", visit="a/../../b\0")
    _, progress = await brought(target, odd, sources.files)
    assert progress.failed == ()
    inside = list((tmp_path / "target").rglob("one"))
    assert len(inside) == 1
    assert await target.expire(odd, ["here"]) == 0
    assert not inside[0].exists()
    target.close()


def test_a_directory_that_is_not_there_is_told(tmp_path: Path, sources: Sources) -> None:
    with pytest.raises(Unavailable, match="is not there; make it, or mount it"):
        DirectoryTarget("disk", directory(tmp_path / "missing"), sources.storage)
    with pytest.raises(Unavailable, match="names the group no-such-group, which is not there"):
        made(tmp_path, sources, group="no-such-group")
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "acl needs user_pattern or user_command"),
        ({"user_pattern": "("}, "no regular expression"),
        ({"user_pattern": "ldap/.+"}, "needs a group"),
        ({"user_command": ["whois"]}, "with {user} among them"),
        ({"acl": False}, "a group is needed"),
    ],
)
def test_settings_that_let_nobody_in_are_refused(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DirectoryTargetSettings.model_validate({"kind": "directory", "path": tmp_path, **given})
