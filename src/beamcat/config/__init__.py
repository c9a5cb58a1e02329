"""One tree of settings: the defaults here, overridden by a TOML file, overridden by `BEAMCAT_*` variables.

`BEAMCAT_DATABASE__URL` sets `database.url`. The tree is frozen, read once, and handed down in parts. Every key is
described by its docstring; `docs/administrators/settings.md` is made from them.
"""

from __future__ import annotations

from beamcat.config.assistant import AssistantSettings
from beamcat.config.catalogue import CatalogueSettings, DatabaseSettings
from beamcat.config.data_service import (
    DownloadMailSettings,
    DownloadQueueSettings,
    DownloadSettings,
    IdsSettings,
    TransportSettings,
    UploadSettings,
)
from beamcat.config.portal import PortalSettings
from beamcat.config.protection import ProtectionSettings
from beamcat.config.saved_searches import SavedSearchSettings
from beamcat.config.search import EmbeddedSearchSettings, OpenSearchSettings, SearchSettings
from beamcat.config.search_language import SearchLanguageSettings
from beamcat.config.search_meaning import SearchMeaningSettings
from beamcat.config.search_rights import SearchRightsSettings
from beamcat.config.section import Section, masked
from beamcat.config.server import CallSettings, EventSettings, LoggingSettings, NotificationSettings, ServerSettings
from beamcat.config.signing_in import (
    AnyAuthenticatorSettings,
    AuthenticatorSettings,
    CommonAuthenticatorSettings,
    IcatAuthenticatorSettings,
    LdapAuthenticatorSettings,
    LoginProtectionSettings,
    OidcAuthenticatorSettings,
    TokenSettings,
)
from beamcat.config.storage import (
    AnyArchiveStorageSettings,
    AnyMainStorageSettings,
    CommandArchiveSettings,
    PluginStorageSettings,
    PosixArchiveSettings,
    PosixStorageSettings,
    S3StorageSettings,
    StoreSettings,
)
from beamcat.config.targets import (
    AnyTargetSettings,
    CommandTargetSettings,
    CommonTargetSettings,
    DirectoryTargetSettings,
    FtsDestinationSettings,
    FtsTargetSettings,
    PluginTargetSettings,
    S3TargetSettings,
)
from beamcat.config.tree import Settings, load_settings
from beamcat.config.viewing import ViewingSettings

__all__ = [
    "AnyArchiveStorageSettings",
    "AnyAuthenticatorSettings",
    "AnyMainStorageSettings",
    "AnyTargetSettings",
    "AssistantSettings",
    "AuthenticatorSettings",
    "CallSettings",
    "CatalogueSettings",
    "CommandArchiveSettings",
    "CommandTargetSettings",
    "CommonAuthenticatorSettings",
    "CommonTargetSettings",
    "DatabaseSettings",
    "DirectoryTargetSettings",
    "DownloadMailSettings",
    "DownloadQueueSettings",
    "DownloadSettings",
    "EmbeddedSearchSettings",
    "EventSettings",
    "FtsDestinationSettings",
    "FtsTargetSettings",
    "IcatAuthenticatorSettings",
    "IdsSettings",
    "LdapAuthenticatorSettings",
    "LoggingSettings",
    "LoginProtectionSettings",
    "NotificationSettings",
    "OidcAuthenticatorSettings",
    "OpenSearchSettings",
    "PluginStorageSettings",
    "PluginTargetSettings",
    "PortalSettings",
    "PosixArchiveSettings",
    "PosixStorageSettings",
    "ProtectionSettings",
    "S3StorageSettings",
    "S3TargetSettings",
    "SavedSearchSettings",
    "SearchLanguageSettings",
    "SearchMeaningSettings",
    "SearchRightsSettings",
    "SearchSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "TokenSettings",
    "TransportSettings",
    "UploadSettings",
    "ViewingSettings",
    "load_settings",
    "masked",
]
