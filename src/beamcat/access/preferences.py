"""What people have chosen in the portal: one document each, changed part by part (RFC 7396)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from beamcat.database.pool import Database
from beamcat.errors import TooLarge

LONGEST = 64 * 1024
"""Bytes of one document."""

_READ = "SELECT content FROM portal_preference WHERE user_name = %s"
_LOCK = """
INSERT INTO portal_preference (user_name, content, changed) VALUES (%(user)s, '{}', %(now)s)
    ON CONFLICT (user_name) DO UPDATE SET changed = %(now)s
RETURNING content
"""
_WRITE = "UPDATE portal_preference SET content = %s WHERE user_name = %s"


class Preferences:
    """Reads and changes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, user_name: str) -> Mapping[str, Any]:
        """All of a user; empty for one who has chosen nothing."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_READ, (user_name,))).fetchone()
        return {} if row is None else dict(row[0])

    async def change(self, user_name: str, patch: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change what the patch names: None takes out, tables are changed key by key. The document as it is then.

        Two changes at a time are both kept. Raises `TooLarge`.
        """
        async with self._database.connection() as connection, connection.transaction():
            cursor = await connection.execute(_LOCK, {"user": user_name, "now": datetime.now(UTC)})
            row = await cursor.fetchone()
            assert row is not None
            content = merged(row[0], patch)
            if len(orjson.dumps(content)) > LONGEST:
                raise TooLarge("So much cannot be kept for you; remove saved views that you do not need")
            await connection.execute(_WRITE, (Jsonb(content), user_name))
        return content


def merged(document: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch applied to a document (RFC 7396 section 2)."""
    result: dict[str, Any] = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(result.get(key), value)
        else:
            result[key] = value
    return result
