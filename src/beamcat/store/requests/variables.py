"""Texts that portals keep here, such as the notice of a maintenance: TopCAT's `confVars`."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.database.pool import Database
from beamcat.errors import BadParameter

LONGEST = 100_000
"""Characters of a text."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One of them."""

    id: int
    name: str
    value: str


async def find_variable(database: Database, name: str) -> Variable | None:
    """The text of that name; None when there is none."""
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT id, name, value FROM portal_variable WHERE name = %s", (name,))
        row = await cursor.fetchone()
    return None if row is None else Variable(*row)


async def set_variable(database: Database, name: str, value: str) -> None:
    """Write a text, in place of the one before."""
    if not 0 < len(name) <= 255 or len(value) > LONGEST:
        raise BadParameter(f"a variable has a name of up to 255 characters, and a text of up to {LONGEST}")
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO portal_variable (name, value) VALUES (%s, %s)"
            " ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
            (name, value),
        )
