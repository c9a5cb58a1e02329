"""`beamcat rule`: the rules as they stand, and what they come to for one user and one object."""

from __future__ import annotations

import json
import sys
from enum import Enum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from beamcat.access.caller import Caller
from beamcat.access.explain import Explanation, explain
from beamcat.access.reach import Reach, Reaching, reaches, reaching
from beamcat.access.readers import Readers, readers
from beamcat.access.rule_words import in_words
from beamcat.access.stored_rules import StoredRule, StoredRules, check_group, read_rules, read_user
from beamcat.cli import explained
from beamcat.cli.common import Config, Home, on_database, print_lines, settings_of
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.model import ICAT_ENTITIES, icat_entity

app = typer.Typer(help="Rules: who may do what, and why.", no_args_is_help=True)


class Order(Enum):
    """What the list is sorted by."""

    ENTITY = "entity"
    GROUP = "group"


@app.command("list")
def rule_list(
    config: Config = None,
    home: Home = None,
    *,
    group: Annotated[str | None, typer.Option(help="Those for one Grouping.")] = None,
    entity: Annotated[str | None, typer.Option(help="Those about one entity, such as Dataset.")] = None,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Those that are for a user, such as `db/ann`.")
    ] = None,
    by: Annotated[Order, typer.Option(help="Whether to gather them by entity or by group.")] = Order.ENTITY,
    most: Annotated[int, typer.Option(min=1, help="Rules to show.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List the rules: for whom, what for, and on which objects, in plain words where they have a usual shape.

    Without a filter also the public tables and steps, and the root users.

    Example: `beamcat rule list --entity Dataset`

    All that holds for somebody: `beamcat rule list --user db/ann --by group`
    """
    settings = settings_of(config, home)

    async def work(database: Database) -> tuple[StoredRules, Caller | None]:
        async with database.snapshot() as connection:
            if group is not None:
                await check_group(connection, group)
            known = user and await read_user(connection, user, settings.catalogue.root_user_names)
            return await read_rules(connection), known.caller if known else None

    rules, caller = on_database(settings, work)
    chosen = rules.select(entity=entity, group=group, caller=caller)
    whole = group is None and entity is None and user is None
    if as_json:
        print_lines(_record(rule) for rule in chosen[:most])
        if whole:
            print_lines({"kind": "public step", "origin": o, "field": f} for o, f in rules.public_steps)
            print_lines({"kind": "root user", "name": name} for name in settings.catalogue.root_user_names)
    else:
        explained.print_rules(Console(), chosen[:most], by_group=by is Order.GROUP)
        if whole:
            explained.print_openings(Console(), rules, settings.catalogue.root_user_names)
    if caller is not None and caller.root:
        print(f"{user} is a root user and needs no rule.", file=sys.stderr)
    if len(chosen) > most:
        print(f"and {len(chosen) - most:,} more; --most shows more of them", file=sys.stderr)


@app.command("explain")
def rule_explain(
    entity: Annotated[
        str | None, typer.Argument(metavar="[ENTITY]", help="Of what the object is, such as Dataset.")
    ] = None,
    identifier: Annotated[int | None, typer.Argument(metavar="[ID]", help="Its id.")] = None,
    config: Config = None,
    home: Home = None,
    *,
    user: Annotated[str | None, typer.Option(metavar="USER", help="About whom to ask, such as `db/ann`.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Users or rules to name, each time.")] = 20,
    seconds: Annotated[
        float, typer.Option(min=0.001, help="Longest time for one rule, or for counting one entity.")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say who may do what, and by which rules, exactly as the server decides it.

    What may this user do to that object, and why: `beamcat rule explain Dataset 17 --user db/ann`

    Who may read it at all: `beamcat rule explain Dataset 17`

    What may this user read, of everything: `beamcat rule explain --user db/ann`

    The times are those the database took for each rule: slow ones are what makes the portal slow.
    """
    settings = settings_of(config, home)
    if (entity is None) != (identifier is None) or (entity is None and user is None):
        raise typer.BadParameter("say which object (ENTITY ID), or about whom (--user USER), or both")
    if entity is None or identifier is None:
        assert user is not None
        _explain_reach(settings, user, most, seconds, as_json=as_json)
        return
    roots, of = settings.catalogue.root_user_names, icat_entity(entity)
    if user is None:
        found = on_database(
            settings, lambda database: readers(database, roots, of, identifier, most=most, seconds=seconds)
        )
        _show(found, most, as_json=as_json)
    else:
        told = on_database(settings, lambda database: explain(database, roots, of, identifier, user, seconds=seconds))
        _show(told, most, as_json=as_json)


def _show(found: Explanation | Readers, most: int, *, as_json: bool) -> None:
    if isinstance(found, Explanation):
        if as_json:
            print(json.dumps(explained.explanation_json(found), ensure_ascii=False))
        else:
            explained.print_explanation(Console(), found, most)
    elif as_json:
        print(json.dumps(explained.readers_json(found), ensure_ascii=False))
    else:
        explained.print_readers(Console(), found)


def _explain_reach(settings: Settings, user: str, most: int, seconds: float, *, as_json: bool) -> None:
    console = Console(stderr=True)

    async def work(database: Database) -> tuple[Reaching, list[Reach]]:
        start = await reaching(database, settings.catalogue.root_user_names, user)
        found: list[Reach] = []
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Counting", total=len(ICAT_ENTITIES))
            async for each in reaches(database, start, seconds=seconds):
                found.append(each)
                progress.update(task, advance=1)
        return start, found

    start, found = on_database(settings, work)
    if as_json:
        print(json.dumps(explained.reach_json(start, found), ensure_ascii=False))
    else:
        explained.print_reach(Console(), start, found, most)


def _record(rule: StoredRule) -> dict[str, Any]:
    return {"kind": "rule", **explained.rule_json(rule), "words": in_words(rule), "public": rule.is_public}
