"""How a text was understood: other names that were looked for, things that are called so, what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beamcat.portal.words import Words
from beamcat.search.language.meaning import Handling, Note

ALSO = "also: "
"""What the note of other names begins with."""


@dataclass(frozen=True, slots=True)
class Named:
    """A piece of the text that is also the name of something: `table` is ICAT's name of what."""

    piece: str
    table: str
    names: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Understanding:
    """`also`: piece and other names; `named`: what is called so; `rest`: piece, what became of it, and why."""

    also: tuple[tuple[str, tuple[str, ...]], ...]
    named: tuple[Named, ...]
    parameters: tuple[tuple[str, str], ...]
    rest: tuple[tuple[str, str, str], ...]

    @property
    def tells(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.also or self.named or self.parameters or self.rest)


def understanding(notes: Sequence[Note]) -> Understanding:
    """The notes, by what they say."""
    also: dict[str, tuple[str, ...]] = {}
    named: list[Named] = []
    parameters: dict[str, str] = {}
    rest: dict[str, tuple[str, str]] = {}
    for note in notes:
        match note.handling:
            case Handling.SYNONYM:
                also[note.piece] = tuple(note.what.removeprefix(ALSO).split(", "))
            case Handling.LOOKED_UP:
                table, _, names = note.what.partition(": ")
                told = tuple(name for name in names.split(", ") if name != "...")
                named.append(Named(note.piece, table, told, names.endswith("...")))
            case Handling.PARAMETER:
                parameters[note.piece] = note.what
            case Handling.NOTHING | Handling.IGNORED:
                if note.piece not in rest or note.handling is Handling.NOTHING:
                    rest[note.piece] = (note.handling.value, note.what)
            case Handling.FIELD:
                pass
    return Understanding(
        tuple(also.items()),
        tuple(named),
        tuple(parameters.items()),
        tuple((piece, *why) for piece, why in rest.items()),
    )


def table_word(words: Words, table: str) -> str:
    """What a table is called; ICAT's name for those that have no word of their own."""
    name = f"searching.table.{table}"
    return words(name) if words.has(name) else table


def field_word(words: Words, name: str) -> str:
    """What a field is called; a parameter by its own name."""
    key = f"searching.field.{name.lstrip('-').replace('.', '_')}"
    return words(key) if words.has(key) else name.lstrip("-")
