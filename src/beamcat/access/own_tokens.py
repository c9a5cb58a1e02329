"""The tokens of one user, as that user makes and revokes them."""

from __future__ import annotations

from datetime import UTC, datetime

from beamcat.access import tokens
from beamcat.access.tokens import Purpose, Token
from beamcat.config import TokenSettings
from beamcat.database.pool import Database


class OwnTokens:
    """Reads, makes and revokes them."""

    def __init__(self, database: Database, settings: TokenSettings) -> None:
        self._database = database
        self.settings = settings

    async def list(self, user_name: str) -> tuple[Token, ...]:
        """All of the user, by name."""
        return await tokens.list_tokens(self._database, user_name)

    async def make(self, purpose: Purpose) -> str:
        """A new token, shown this once. Raises as `tokens.make`."""
        return await tokens.make(self._database, self.settings, purpose, datetime.now(UTC))

    async def revoke(self, user_name: str, name: str) -> None:
        """End one of them. Raises `NoSuchObject`."""
        await tokens.revoke(self._database, user_name, name)
