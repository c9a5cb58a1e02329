"""What Beamcat records beyond the ICAT schema. ICAT clients never see these entities."""

from beamcat.model.declare import entity, text

ENTITIES = (
    entity(
        "Account",
        "A login of the `db` authenticator",
        text("name", required=True, comment="name typed at login, without the mechanism"),
        text("passwordHash", 511, required=True, comment="argon2, or a format that ICAT's authn.db wrote"),
        unique=("name",),
        icat=False,
    ),
)
