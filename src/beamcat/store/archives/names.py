"""What a datafile is called inside an archive (data service specification, A.7).

`ids/<facility>/<investigation>/<visit>/<dataset>/<name>`: the folders are encoded as Java's `URLEncoder` does, the name
is taken as it is, except for what would lead a reader out of the folder it unpacks into.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import quote_plus

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:(?=/|$)")


def folder_of(facility: str, investigation: str, visit: str, dataset: str) -> str:
    """The folder of a dataset, without a slash at its end."""
    return "/".join(("ids", *map(_encoded, (facility, investigation, visit, dataset))))


def safe_name(name: str, *, backslash_separates: bool = False) -> str:
    """The name of a datafile as a path that stays below its folder; `_` when nothing is left of it."""
    if backslash_separates:
        name = name.replace("\\", "/")
    name = _DRIVE.sub("", _CONTROL.sub("_", name), count=1) if _DRIVE.match(name) else _CONTROL.sub("_", name)
    parts = [part for part in name.split("/") if part not in {"", ".", ".."}]
    return "/".join(parts) or "_"


def told_apart(name: str, datafile: int) -> str:
    """Another name for a file whose name is taken: with `~<id>` before the extension of its last part."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}~{datafile}{path.suffix}"))


def _encoded(name: str) -> str:
    if name in {"", ".", ".."}:  # Java leaves these, and readers would leave their folder
        return "%2E" * len(name) or "%"
    return quote_plus(name, safe="*").replace("~", "%7E")
