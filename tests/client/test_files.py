"""Lists of files from servers that may be anybody's, and the names in them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from beamcat.client.files import Digest, FileList, NotAList, Pieces, RemoteFile, UnsafeName, inside
from beamcat.client.get import source_of
from beamcat.errors import BadParameter

SHA = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"


def listed(inner: str, *, head: str = "") -> FileList:
    text = f'<?xml version="1.0"?>{head}<metalink xmlns="urn:ietf:params:xml:ns:metalink">{inner}</metalink>'
    return FileList(io.BytesIO(text.encode()))


def test_a_list_is_read() -> None:
    files = listed(
        f"""<generator>x</generator>
        <file name="a/b c.nxs"><size>11</size><hash type="md5">AB</hash><hash type="sha-256">{SHA.upper()}</hash>
          <hash type="whirlpool">00</hash><pieces length="6" type="sha-256"><hash>01</hash><hash>02</hash></pieces>
          <url priority="2">https://b/x</url><url>ftp://c/x</url><url priority="1">https://a/x</url></file>
        <file name="d"><url>http://e/&amp;</url><pieces length="6" type="sha-256"><hash>01</hash></pieces></file>"""
    )
    pieces = Pieces(6, (Digest("sha256", "01"), Digest("sha256", "02")))
    assert list(files.files()) == [
        RemoteFile("a/b c.nxs", 11, ("https://a/x", "https://b/x"), Digest("sha256", SHA), pieces),
        RemoteFile("d", None, ("http://e/&",)),
    ]
    counted = files.check()
    assert (counted.files, counted.size, counted.unknown) == (2, 11, 1)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", "", "C:/x", "c:x", "a\tb", ".", ".."]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    text = name.replace("\t", "&#9;")
    with pytest.raises(UnsafeName):
        listed(f'<file name="fine"/><file name="{text}"/>').check()


def test_a_link_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "way").symlink_to(outside)
    (folder / "here").symlink_to(folder)
    with pytest.raises(UnsafeName):
        inside(folder, "way/new/file")
    assert inside(folder, "here/file") == folder / "here/file"
    assert inside(folder, "new/file") == folder / "new/file"


def test_what_is_no_list_is_refused() -> None:
    bomb = '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    (file,) = listed('<file name="x"><url>http://h/&b;</url></file>', head=bomb).files()
    assert "aaaa" not in str(file.urls)
    for inner in ('<file name="x"><size>1', '<file name="x"><size>-1</size></file>'):
        with pytest.raises(NotAList):
            listed(inner).check()


def test_a_large_list_is_not_kept_in_memory() -> None:
    files = listed("".join(f'<file name="{n}"><size>1</size></file>' for n in range(20_000)))
    assert files.check().files == 20_000


def test_what_a_user_may_name() -> None:
    by_id = source_of("dataset:42", "https://h/")
    assert by_id.url == "https://h/ids/getMetalink?datasetIds=42"
    assert by_id.zip_url == "https://h/ids/getData?datasetIds=42&zip=true"
    prepared = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
    assert source_of(prepared, "https://h/ids").url == f"https://h/ids/getMetalink?preparedId={prepared}"
    assert source_of("https://h/data/F/i/v/ds.meta4?x=1", None).zip_url == "https://h/data/F/i/v/ds.zip?x=1"
    assert source_of("https://h/data/F/i/v/-/?dataset=a", None).zip_url.endswith("?dataset=a&format=zip")
    for text in ("dataset:42", "ftp://h/x", "x", "https://"):
        with pytest.raises(BadParameter):
            source_of(text, None)
