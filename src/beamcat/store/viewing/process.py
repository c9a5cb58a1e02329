"""A viewing process: `python -m beamcat.store.viewing.process DESCRIPTOR MEMORY`.

It answers one question at a time until the server hangs up. What a question means is in the modules beside it.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable
from typing import Any

from beamcat.store.viewing.archives import members
from beamcat.store.viewing.confinement import confine, nothing_opened, opening
from beamcat.store.viewing.contents import Answer, attributes, data, meta, paths, stats
from beamcat.store.viewing.drawing import encoded, read_picture, shown, small, thumbnail_of
from beamcat.store.viewing.opened import Handed, NotHere, NotShown, Opened, handed
from beamcat.store.viewing.outline import outline
from beamcat.store.viewing.plots import default_path, plot_of
from beamcat.store.viewing.slices import TooMuch
from beamcat.store.viewing.wire import Message, close, receive, send

WEBP, PNG = "image/webp", "image/png"


def main(descriptor: int, memory_bytes: int) -> None:
    """Answer questions until nobody asks any more."""
    confine(memory_bytes)
    prepare()
    connection = socket.socket(fileno=descriptor)

    def ask(head: dict[str, Any]) -> Message:
        send(connection, head)
        with opening():
            answer = receive(connection)
        if answer is None:
            raise SystemExit
        return answer

    while (question := receive(connection)) is not None:
        given = handed(question, ask)
        with nothing_opened():
            head, body = answered(question.head, given, ask)
        send(connection, head, body)


def prepare() -> None:
    """Import now what libraries import when they need it, for later no file can be opened."""
    import encodings.cp437
    import encodings.idna
    import encodings.latin_1  # noqa: F401

    import numpy as np
    from PIL import Image

    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401
    Image.init()
    np.percentile(np.arange(3.0), [1, 99])


def answered(question: dict[str, Any], given: Handed, ask: Callable[[dict[str, Any]], Message]) -> Answer:
    """The answer to a question, or what is wrong with it."""
    try:
        if question["ask"] in OTHERS:
            try:
                return OTHERS[question["ask"]](given, question)
            finally:
                close(given.descriptor)
        opened = Opened(given, ask)
        try:
            return QUESTIONS[question["ask"]](opened, question)
        finally:
            opened.close()
    except NotHere as error:
        return {"wrong": "missing", "message": f"{error} is not a valid path"}, b""
    except NotShown as error:
        return {"wrong": "hidden", "message": str(error)}, b""
    except TooMuch as error:
        return {"wrong": "much", "message": str(error)}, b""
    except MemoryError:
        return {"wrong": "much", "message": "that needs more memory than there is for it"}, b""
    except (ValueError, TypeError) as error:
        return {"wrong": "question", "message": str(error)}, b""
    except (OSError, RuntimeError, KeyError) as error:
        return {"wrong": "hidden", "message": f"it cannot be read: {str(error)[:300]}"}, b""


def _outline(opened: Opened, question: dict[str, Any]) -> Answer:
    return {"outline": outline(opened, question["path"], question["frame"], question["most"])}, b""


def _thumbnail(opened: Opened, question: dict[str, Any]) -> Answer:
    path = default_path(opened)
    plot = None if path is None else plot_of(opened, path, 0, question["most"])
    if plot is None:
        raise NotShown("there is nothing to plot in it")
    return {"type": WEBP}, encoded(thumbnail_of(plot), "WEBP")


def _picture(given: Handed, question: dict[str, Any]) -> Answer:
    return {"type": PNG}, encoded(shown(read_picture(given.binary()), question["side"]))


def _small_picture(given: Handed, _question: dict[str, Any]) -> Answer:
    return {"type": WEBP}, encoded(small(read_picture(given.binary())), "WEBP")


def _members(given: Handed, _question: dict[str, Any]) -> Answer:
    return {"members": members(given.binary(), given.name)}, b""


QUESTIONS: dict[str, Callable[[Opened, dict[str, Any]], Answer]] = {
    "meta": lambda opened, question: meta(opened, question["path"]),
    "attr": lambda opened, question: attributes(opened, question["path"], question.get("keys")),
    "data": lambda opened, question: data(opened, question, question["most"]),
    "stats": lambda opened, question: stats(opened, question["path"], question.get("selection"), question["most"]),
    "paths": lambda opened, question: paths(opened, question["path"]),
    "outline": _outline,
    "thumbnail": _thumbnail,
}
OTHERS: dict[str, Callable[[Handed, dict[str, Any]], Answer]] = {
    "picture": _picture,
    "small picture": _small_picture,
    "members": _members,
}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
