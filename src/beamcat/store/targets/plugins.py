"""The targets that the settings name: those that come with Beamcat, and those of other packages.

A package brings one by an entry point of the group `beamcat.targets`: a callable that is given the name of the target
and the table `options` of the settings, and returns a `Target`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, cast

from beamcat.config import (
    CommandTargetSettings,
    CommonTargetSettings,
    DirectoryTargetSettings,
    FtsTargetSettings,
    PluginTargetSettings,
    S3TargetSettings,
)
from beamcat.config.targets import TARGET_KINDS
from beamcat.errors import BeamcatError
from beamcat.store.storage.contract import MainStorage
from beamcat.store.targets.commands import CommandTarget
from beamcat.store.targets.contract import Target
from beamcat.store.targets.directory import DirectoryTarget
from beamcat.store.targets.fts import FtsTarget
from beamcat.store.targets.s3 import S3Target

GROUP = "beamcat.targets"

TargetFactory = Callable[[str, Mapping[str, Any]], Target]
"""What an entry point stands for."""


class CannotUseTarget(BeamcatError):
    """The settings name a target that is not there, or that does not do what a target has to."""


def target_of(name: str, settings: CommonTargetSettings, storage: MainStorage) -> Target:
    """A target of the settings. Raises `CannotUseTarget`, and `Unavailable` for one that is away."""
    match settings:
        case DirectoryTargetSettings():
            return DirectoryTarget(name, settings, storage)
        case S3TargetSettings():
            return S3Target(settings, storage)
        case CommandTargetSettings():
            return CommandTarget(settings)
        case FtsTargetSettings():
            return FtsTarget(name, settings)
        case PluginTargetSettings(kind=kind, options=options):
            return _of_plugin(name, kind, options)
    raise CannotUseTarget(f"downloads.target.{name}: its kind is not known")


def _of_plugin(name: str, kind: str, options: Mapping[str, Any]) -> Target:
    key = f"downloads.target.{name}"
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if kind not in found:
        there = ", ".join(sorted({*TARGET_KINDS, *found}))
        raise CannotUseTarget(f"{key}: there is no target of kind {kind}; there are {there}")
    entry = found[kind]
    try:
        target = cast("TargetFactory", entry.load())(name, options)
    except BeamcatError:
        raise
    except Exception as error:  # whatever a plugin of others does wrong
        raise CannotUseTarget(
            f"{key}: the target {kind} ({entry.value}) cannot be started: {type(error).__name__}: {error}"
        ) from error
    if missing := [each for each in vars(Target) if not each.startswith("_") and not hasattr(target, each)]:
        raise CannotUseTarget(f"{key}: {kind} is no target, it has no {', '.join(missing)}")
    return target
