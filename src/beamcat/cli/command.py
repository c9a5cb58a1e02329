"""The `beamcat` command, put together from its rooms."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError

from beamcat import __version__
from beamcat.cli import (
    backups,
    blocks,
    calls,
    checks,
    deliveries,
    dumps,
    events,
    rules,
    search,
    serving,
    sessions,
    settings,
    targets,
    thumbnails,
    tokens,
    units,
    users,
)
from beamcat.cli.common import fail
from beamcat.cli.get import get
from beamcat.cli.put import put
from beamcat.cli.search_find import find
from beamcat.errors import BeamcatError, Unavailable

ICAT_VERSION = "6.2.0"

app = typer.Typer(
    help="Catalogue, data service and portal of a research facility, in one program.",
    epilog="To look around: `beamcat demo`. To serve your own catalogue: `beamcat serve --home /var/lib/beamcat`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(serving.serve)
app.command()(serving.demo)
app.command()(serving.init)
app.command()(serving.migrate)
app.command("import")(dumps.import_dump)
app.command("export")(dumps.export_dump)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(checks.check)
app.command()(search.reindex)
app.command()(get)
app.command()(put)
app.command()(find)
app.add_typer(users.app, name="user")
app.add_typer(rules.app, name="rule")
app.add_typer(sessions.app, name="sessions")
app.add_typer(tokens.app, name="token")
app.add_typer(blocks.app, name="block")
app.add_typer(events.app, name="events")
app.add_typer(calls.app, name="calls")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(units.app, name="units")
app.add_typer(search.app, name="search")
app.add_typer(targets.app, name="targets")
app.add_typer(thumbnails.app, name="thumbnails")
app.add_typer(settings.app, name="settings")


@app.command()
def version() -> None:
    """Print the version, and that of the ICAT interfaces."""
    print(f"Beamcat {__version__} (ICAT {ICAT_VERSION})")


def main() -> None:
    """Run the command. Errors are one line on standard error: 1 for what went wrong, 2 for a wrong command line."""
    try:
        app()
    except Unavailable as error:
        fail(f"{error.message.splitlines()[0]}. Is PostgreSQL running, and database.url right?")
    except BeamcatError as error:
        fail(error.message)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        fail(f"the settings are not right: {problems}. See `beamcat settings show --help`")
    except OSError as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
