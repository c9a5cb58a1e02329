"""What files are called in archives."""

from __future__ import annotations

import pytest

from beamcat.store.archives.names import folder_of


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/../b", "\\", "\0"])
def test_no_folder_leads_out_of_its_archive(name: str) -> None:
    for place in range(4):
        names = ["f", "i", "v", "d"]
        names[place] = name
        parts = folder_of(*names).split("/")
        assert len(parts) == 5
        assert not {"", ".", ".."} & set(parts)


def test_folders_keep_names_apart() -> None:
    names = ["", ".", "..", "%2E", "%", "a b", "a+b", "a%20b"]
    assert len({folder_of("f", "i", "v", name) for name in names}) == len(names)
