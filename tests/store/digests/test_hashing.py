"""Digests of one pass, against those of the standard library."""

from __future__ import annotations

import hashlib
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.store.digests import hashing
from beamcat.store.digests.hashing import SMALLEST_PIECE, Hashing, Sums, combined_adler32, piece_length, sums_of
from beamcat.store.digests.values import Also, Digests, PieceDigests

CHUNKS = st.lists(st.binary(max_size=300), max_size=12)
EVERYTHING = Also.USUAL | Also.MD5


def expected(data: bytes, piece: int) -> Digests:
    pieces = [hashlib.sha256(data[first : first + piece]).digest() for first in range(0, len(data), piece)]
    return Digests(
        zlib.crc32(data),
        zlib.adler32(data),
        hashlib.sha256(data).digest(),
        hashlib.md5(data).digest(),
        PieceDigests(piece, b"".join(pieces)) if len(pieces) > 1 else None,
    )


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(hashing, "SMALLEST_PIECE", 64)
    return 64


@given(CHUNKS)
def test_however_the_bytes_come_the_digests_are_those_of_the_whole(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "SMALLEST_PIECE", 64)
        for size in (None, len(data)):
            whole = Hashing(EVERYTHING, size)
            for chunk in chunks:
                whole.update(chunk)
            assert whole.digests() == expected(data, 64)
            assert whole.size == len(data)


@given(CHUNKS)
def test_sums_of_parts_make_those_of_the_whole(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    whole = Sums()
    for chunk in chunks:
        whole = whole.followed_by(sums_of([chunk[:100], chunk[100:]], adler32=True))
    assert whole == Sums(zlib.crc32(data), zlib.adler32(data), len(data))


@given(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(0, 255))
def test_sums_of_long_parts_of_any_bytes(first: int, second: int, byte: int) -> None:
    head, tail = bytes([byte]) * first, bytes([255]) * second
    assert combined_adler32(zlib.adler32(head), zlib.adler32(tail), second) == zlib.adler32(head + tail)
    sums = sums_of([head], adler32=True).followed_by(sums_of([tail], adler32=True))
    assert sums == Sums(zlib.crc32(head + tail), zlib.adler32(head + tail), first + second)


def test_only_what_is_asked_for_is_computed() -> None:
    data = random.Random(1).randbytes(100_000)
    whole = expected(data, SMALLEST_PIECE)
    for also, found in {
        Also.NOTHING: Digests(whole.crc32),
        Also.ADLER32: Digests(whole.crc32, adler32=whole.adler32),
        Also.SHA256: Digests(whole.crc32, sha256=whole.sha256),
        Also.MD5: Digests(whole.crc32, md5=whole.md5),
        Also.PIECES: Digests(whole.crc32),
    }.items():
        hashed = Hashing(also)
        hashed.update(data)
        assert hashed.digests() == found
    assert not Hashing(Also.ADLER32).lanes


def test_digests_of_nothing() -> None:
    assert Hashing(EVERYTHING).digests() == expected(b"", SMALLEST_PIECE)


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (0, 16 << 20),
        (64 << 30, 16 << 20),
        ((64 << 30) + 1, 32 << 20),
        (1 << 40, 256 << 20),
        ((1 << 40) + 1, 512 << 20),
    ],
)
def test_no_file_has_more_than_4096_pieces(size: int, length: int) -> None:
    assert piece_length(size) == length


def test_pieces_that_turn_out_too_short_are_left_out(short_pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MOST_PIECES", 4)
    for size, has_pieces in {64: False, 65: True, 256: True, 257: False, 2000: False}.items():
        hashed = Hashing(Also.PIECES)
        hashed.update(b"x" * size)
        assert (hashed.digests().pieces is not None) is has_pieces
        known = Hashing(Also.PIECES, size)
        known.update(b"x" * size)
        assert (known.digests().pieces is not None) is (size > short_pieces)
