"""`beamcat settings`: what is in effect."""

from __future__ import annotations

import json
from typing import Any

import typer

from beamcat.cli.common import Config, Home, settings_of
from beamcat.config import Settings

app = typer.Typer(help="The settings, from file and environment.", no_args_is_help=True)


@app.command("show")
def settings_show(config: Config = None, home: Home = None) -> None:
    """Show every setting as it is in effect, in the form of a settings file. Secrets are masked.

    A file sets what it wants to change; a variable such as `BEAMCAT_SERVER__PORT=8181` wins over the file.

    Example: `beamcat settings show --config beamcat.toml`
    """
    print(_as_toml(settings_of(config, home)))


def _as_toml(settings: Settings) -> str:
    """The settings as their file would say them; what is not set is commented out, secrets are stars."""
    return "\n".join(_toml_table("", settings.model_dump(mode="json")))


def _toml_table(name: str, table: dict[str, Any]) -> list[str]:
    lines = ["", f"[{name}]"] if name else []
    for key, value in table.items():
        if not isinstance(value, dict):
            lines.append(f"# {key} =" if value is None else f"{key} = {json.dumps(value, ensure_ascii=False)}")
    for key, value in table.items():
        if isinstance(value, dict) and value:
            lines += _toml_table(f"{name}.{key}" if name else key, value)
    return lines
