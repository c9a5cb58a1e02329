"""The whole tree, and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from beamcat.config.assistant import AssistantSettings
from beamcat.config.catalogue import CatalogueSettings, DatabaseSettings
from beamcat.config.data_service import DownloadSettings, IdsSettings, UploadSettings
from beamcat.config.portal import PortalSettings
from beamcat.config.protection import ProtectionSettings
from beamcat.config.search import SearchSettings
from beamcat.config.server import CallSettings, EventSettings, LoggingSettings, NotificationSettings, ServerSettings
from beamcat.config.signing_in import (
    AnyAuthenticatorSettings,
    LoginProtectionSettings,
    TokenSettings,
    _usual_authenticators,
)
from beamcat.config.storage import StoreSettings
from beamcat.config.viewing import ViewingSettings


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="BEAMCAT_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    home: Path = Path(".beamcat")
    """Folder for everything Beamcat keeps on disk."""
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    authenticator: dict[str, Annotated[AnyAuthenticatorSettings, Field(discriminator="kind")]] = Field(
        default_factory=_usual_authenticators
    )
    """Ways to sign in, in the order in which clients are told of them."""
    login_protection: LoginProtectionSettings = LoginProtectionSettings()
    protection: ProtectionSettings = ProtectionSettings()
    notifications: dict[str, NotificationSettings] = Field(default_factory=dict)
    """Message brokers that are told of changes, each under a name of its own."""
    tokens: TokenSettings = TokenSettings()
    store: StoreSettings = StoreSettings()
    ids: IdsSettings = IdsSettings()
    uploads: UploadSettings = UploadSettings()
    downloads: DownloadSettings = DownloadSettings()
    search: SearchSettings = SearchSettings()
    portal: PortalSettings = PortalSettings()
    assistant: AssistantSettings = AssistantSettings()
    viewing: ViewingSettings = ViewingSettings()
    logging: LoggingSettings = LoggingSettings()
    events: EventSettings = EventSettings()
    calls: CallSettings = CallSettings()

    @model_validator(mode="after")
    def _mnemonics_are_plain(self) -> Settings:
        for mnemonic in self.authenticator:
            if not mnemonic or not mnemonic.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"authenticator.{mnemonic}: a mnemonic consists of letters, digits, - and _")
        return self

    @model_validator(mode="after")
    def _brokers_have_plain_names(self) -> Settings:
        for name in self.notifications:
            if not name or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"notifications.{name}: a name consists of letters, digits, - and _")
        return self


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """The settings of a TOML file (none: the defaults), the environment, and `overrides`, which win.

    Raises `FileNotFoundError` for a file that is not there and pydantic's `ValidationError` for what it holds.
    """
    if config is not None and not config.is_file():
        raise FileNotFoundError(f"no settings file at {config}")

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
            return sources if config is None else (*sources, TomlConfigSettingsSource(settings_cls, config))

    return FromFile(**overrides)
