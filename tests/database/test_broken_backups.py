"""Archives that are cut off, changed or made by somebody hostile: refused before anything is touched."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.backup.archive import ArchiveWriter, compressed, new_archive
from beamcat.database.backup.manifest import HEADER, PIECE_BYTES, Damaged, Manifest, written
from beamcat.database.backup.restoring import Place, RestoreFailed, present, restore
from beamcat.database.backup.verifying import assert_known, verify
from beamcat.database.schema import SchemaOutdated, current_version
from tests.conftest import TestServer
from tests.database.facility import backed_up, fill_home, quietly, rows_of

BLOCK = tarfile.BLOCKSIZE


@pytest.fixture(scope="module")
def whole(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Manifest]:
    """A good archive of a small home."""
    folder = tmp_path_factory.mktemp("whole")
    home = folder / "home"
    home.mkdir()
    fill_home(home)
    manifest = backed_up(server.url(template), home, folder / "b")
    return (folder / "b").read_bytes(), manifest


@pytest.fixture
def empty(server: TestServer, tmp_path: Path) -> Iterator[Place]:
    """Where nothing is yet."""
    name = server.create()
    home = tmp_path / "home"
    home.mkdir()
    yield Place(server.url(name), home, DatabaseSettings())
    server.drop(name)


def refused(folder: Path, content: bytes) -> str:
    file = folder / "broken"
    file.write_bytes(content)
    with pytest.raises(Damaged) as error:
        verify(file, quietly)
    assert error.value.message.startswith(f"{file} is not a whole backup: ")
    return error.value.message


def test_an_archive_that_is_cut_off_anywhere(whole: tuple[bytes, Manifest], tmp_path: Path) -> None:
    content, _ = whole
    chance = random.Random(5)
    last = len(content) - 3 * BLOCK  # where the last member's content begins; a tar ends with blocks of nothing
    for length in [0, 1, 100, BLOCK, last + 10, last, last - BLOCK, *(chance.randrange(last) for _ in range(25))]:
        refused(tmp_path, content[:length])


def test_an_archive_in_which_a_byte_has_changed(whole: tuple[bytes, Manifest], tmp_path: Path) -> None:
    """Where a change is not noticed it makes no difference: in the filling between members, and in unused fields."""
    content, manifest = whole
    file = tmp_path / "broken"
    chance = random.Random(7)
    noticed = 0
    for _ in range(150):
        place = chance.randrange(len(content))
        file.write_bytes(content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :])
        try:
            assert verify(file, quietly) == manifest
        except Damaged:
            noticed += 1
    assert noticed > 50


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 1000, bytes(20 * BLOCK)], ids=["empty", "text", "nothing"])
def test_what_is_no_archive(content: bytes, tmp_path: Path) -> None:
    refused(tmp_path, content)


def test_other_tars_are_no_backups(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "t", "w") as tar:
        tar.addfile(tarfile.TarInfo("beamcat.txt"))
    assert "does not begin as a backup" in refused(tmp_path, (tmp_path / "t").read_bytes())


def forged(manifest: Manifest, file: Path, fill: Callable[[ArchiveWriter], None]) -> None:
    """An archive that is consistent in itself, with members of the forger's choice."""
    with new_archive(file) as opened:
        writer = ArchiveWriter(opened)
        writer.add(HEADER, written(manifest.origin))
        fill(writer)
        writer.finish(replace(manifest, tables=(), home=writer.home(), settings_sha256=None))


def entry(name: str, kind: bytes = tarfile.REGTYPE, leads_to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, leads_to, 0o4777
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    "name",
    ["../out", "a/../../out", "/etc/out", "", ".", "a//b", "./a", "postgres/data/PG_VERSION", "postgres/password",
     "serve.lock", "run/x", "restore.unfinished/x"],
)  # fmt: skip
def test_paths_that_lead_out_of_the_home_or_where_no_backup_goes(
    whole: tuple[bytes, Manifest], tmp_path: Path, name: str
) -> None:
    forged(whole[1], tmp_path / "f", lambda writer: _put(writer, entry(name)))
    assert "which no backup holds" in refused(tmp_path, (tmp_path / "f").read_bytes())


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_devices_pipes_and_hard_links(whole: tuple[bytes, Manifest], tmp_path: Path, kind: bytes) -> None:
    forged(whole[1], tmp_path / "f", lambda writer: _put(writer, entry("a", kind, "/etc/passwd")))
    assert "which no backup holds" in refused(tmp_path, (tmp_path / "f").read_bytes())


def test_nothing_is_written_through_a_link(whole: tuple[bytes, Manifest], tmp_path: Path, empty: Place) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    def through(writer: ArchiveWriter) -> None:
        _put(writer, entry("door", tarfile.SYMTYPE, str(outside)))
        _put(writer, entry("door/burglar"))

    forged(whole[1], tmp_path / "f", through)
    assert "behind a link" in refused(tmp_path, (tmp_path / "f").read_bytes())

    def before(writer: ArchiveWriter) -> None:
        _put(writer, entry("door/burglar"))
        _put(writer, entry("door", tarfile.SYMTYPE, str(outside)))

    forged(whole[1], tmp_path / "g", before)
    assert_refused_untouched(empty, tmp_path / "g")
    assert list(outside.iterdir()) == []


def assert_refused_untouched(place: Place, file: Path) -> None:
    """The archive passes the check of its checksums, but not the restore; then everything is as it was."""
    with pytest.raises((Damaged, RestoreFailed)):
        restore(place, file, verify(file, quietly), quietly)
    assert current_version(place.url) is None
    found = present(place)
    assert (found.in_database, found.in_home, found.interrupted) == (False, (), False)
    assert list(place.home.iterdir()) == []


def test_a_name_that_is_there_twice(whole: tuple[bytes, Manifest], tmp_path: Path, empty: Place) -> None:
    def twice(writer: ArchiveWriter) -> None:
        _put(writer, entry("a"))
        _put(writer, entry("a"))

    forged(whole[1], tmp_path / "f", twice)
    assert_refused_untouched(empty, tmp_path / "f")


def test_special_permissions_are_not_restored(whole: tuple[bytes, Manifest], tmp_path: Path, empty: Place) -> None:
    forged(whole[1], tmp_path / "f", lambda writer: _put(writer, entry("a")))
    restore(empty, tmp_path / "f", verify(tmp_path / "f", quietly), quietly)
    assert (empty.home / "a").stat().st_mode & 0o7777 == 0o777


def test_a_piece_that_grows_beyond_measure(whole: tuple[bytes, Manifest], tmp_path: Path) -> None:
    bomb = compressed(bytes(PIECE_BYTES + 1))
    forged(whole[1], tmp_path / "f", lambda writer: writer.add_piece("facility", 1, bomb))
    assert "the table facility is damaged" in refused(tmp_path, (tmp_path / "f").read_bytes())


def test_a_member_that_announces_terabytes(whole: tuple[bytes, Manifest], tmp_path: Path) -> None:
    info = tarfile.TarInfo("tables/facility/000001.gz")
    info.size = 2**42
    head = whole[0][: 2 * BLOCK]
    assert "more than a backup holds" in refused(tmp_path, head + info.tobuf(tarfile.PAX_FORMAT) + b"x" * 5000)


def test_tables_that_the_manifest_does_not_name(whole: tuple[bytes, Manifest], tmp_path: Path) -> None:
    forged(whole[1], tmp_path / "f", lambda writer: writer.add_piece("facility", 1, compressed(b"x")))
    assert "does not hold the tables" in refused(tmp_path, (tmp_path / "f").read_bytes())


def test_rows_that_the_tables_do_not_take(whole: tuple[bytes, Manifest], tmp_path: Path, empty: Place) -> None:
    """A manifest that fits to nonsense: PostgreSQL refuses it, and nothing is changed."""
    facility = next(table for table in whole[1].tables if table.name == "facility")
    nonsense = b"no rows"
    digest = hashlib.sha256(nonsense).hexdigest()
    lied = replace(facility, size_bytes=len(nonsense), sha256=digest, pieces=1)
    with new_archive(tmp_path / "f") as opened:
        writer = ArchiveWriter(opened)
        writer.add(HEADER, written(whole[1].origin))
        writer.add_piece("facility", 1, compressed(nonsense))
        writer.finish(replace(whole[1], tables=(lied,), home=writer.home(), settings_sha256=None))
    assert_refused_untouched(empty, tmp_path / "f")


def test_a_backup_of_a_newer_beamcat_is_refused(whole: tuple[bytes, Manifest]) -> None:
    manifest = whole[1]
    assert_known(manifest)
    with pytest.raises(SchemaOutdated, match=r"made by Beamcat 99\.0"):
        assert_known(replace(manifest, origin=replace(manifest.origin, beamcat="99.0", schema="9999")))


def test_a_layout_of_the_future_is_refused(whole: tuple[bytes, Manifest], tmp_path: Path) -> None:
    future = replace(whole[1], origin=replace(whole[1].origin, format=2))
    forged(future, tmp_path / "f", lambda writer: None)
    assert "layout 2 is not known" in refused(tmp_path, (tmp_path / "f").read_bytes())


def test_an_error_leaves_the_old_catalogue_as_it_was(
    database_url: str, whole: tuple[bytes, Manifest], tmp_path: Path
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO facility (create_id, create_time, mod_id, mod_time, name)"
            " VALUES ('a', now(), 'a', now(), 'kept')"
        )
    home = tmp_path / "home"
    home.mkdir()
    (home / "kept").write_text("kept")
    before = rows_of(database_url)
    file = tmp_path / "b"
    file.write_bytes(whole[0])
    manifest = verify(file, quietly)
    file.write_bytes(whole[0][: len(whole[0]) // 2])  # it changes between check and restore
    with pytest.raises(Damaged):
        restore(Place(database_url, home, DatabaseSettings()), file, manifest, quietly)
    assert rows_of(database_url) == before
    assert current_version(database_url) is not None
    assert [path.name for path in home.iterdir()] == ["kept"]


def _put(writer: ArchiveWriter, info: tarfile.TarInfo) -> None:
    assert writer.add_home_entry(info, io.BytesIO(b"evil") if info.isreg() else None)
