"""Rules and explanations on paper: as text for people, as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from beamcat.access.explain import Explanation, OperationVerdict, Reason, RuleVerdict, Standing
from beamcat.access.reach import Part, Reach, Reaching
from beamcat.access.readers import Audience, Readers, RuleReaders
from beamcat.access.rule_words import in_words, plural
from beamcat.access.rules import Operation
from beamcat.access.stored_rules import KnownUser, StoredRule, StoredRules
from beamcat.model import Entity

_DIM = "dim"


# Lists


def print_rules(console: Console, rules: Sequence[StoredRule], *, by_group: bool) -> None:
    """The rules, gathered by entity or by the group they are for."""

    def key(rule: StoredRule) -> str:
        return _whom(rule) if by_group else rule.entity or "not valid"

    for heading, some in groupby(sorted(rules, key=lambda rule: (key(rule), rule.id)), key):
        table = Table(
            "rule", "about" if by_group else "for", "may", "what", box=None, pad_edge=False, padding=(0, 2, 0, 0)
        )
        for rule in some:
            other = (rule.entity or "") if by_group else _whom(rule)
            table.add_row(str(rule.id), Text(other), rule.crud_flags, _said(rule))
        console.print(Text(heading, "bold"))
        console.print(table)
        console.print()


def print_openings(console: Console, rules: StoredRules, root_user_names: Sequence[str]) -> None:
    """What needs no rule, or one without condition: public tables and steps, root users."""
    steps: dict[str, list[str]] = {}
    for origin, field in rules.public_steps:
        steps.setdefault(origin, []).append(field)
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_row("public tables", ", ".join(sorted(rules.rulebook.public_tables)) or "none")
    shown = [f"{origin}: {', '.join(fields)}" for origin, fields in steps.items()]
    table.add_row("public steps", "\n".join(shown) or "none")
    table.add_row("root users", Text(", ".join(root_user_names) or "none"))
    console.print(table)


def rule_json(rule: StoredRule) -> dict[str, Any]:
    """One rule."""
    return {
        "id": rule.id,
        "entity": rule.entity,
        "group": None if rule.group is None else rule.group.name,
        "crudFlags": rule.crud_flags,
        "what": rule.what,
        "problem": rule.problem,
    }


# One user, one object


def print_explanation(console: Console, told: Explanation, most: int) -> None:
    """What the user may do to the object, and by which rules; at most `most` of them each time."""
    console.print(_user_line(told.user))
    shown: set[int] = set()
    for verdict in told.operations:
        allowed = "allowed" if verdict.allowed else "not allowed"
        title = Text(f"{verdict.operation.name} {_object(told.entity.name, told.id)}: ")
        title.append(allowed, "bold green" if verdict.allowed else "bold red")
        title.append(_because(verdict, told.entity))
        tree = Tree(title)
        for each in verdict.rules[:most]:
            tree.add(_verdict_line(each, verdict.operation, again=each.rule.id in shown))
            shown.add(each.rule.id)
        if len(verdict.rules) > most:
            tree.add(f"and {len(verdict.rules) - most:,} more rules")
        if not verdict.rules:
            tree.add("no rule speaks of it")
        console.print(tree)
    _print_steps(console, told)


def _because(verdict: OperationVerdict, entity: Entity) -> str:
    if verdict.problem is not None:
        return f", because the check fails: {verdict.problem}"
    if verdict.reason is Reason.ROOT:
        return ", to a root user"
    if verdict.reason is Reason.PUBLIC_TABLE:
        return ", because the table is public"
    if verdict.members:
        return f", but for {', '.join(verdict.members)}"
    if verdict.operation is Operation.CREATE and verdict.allowed:
        return ", an object like this"
    if verdict.operation is Operation.DELETE and verdict.allowed and entity.to_many:
        return ", if all that is below it may go, too"
    return ""


def _verdict_line(each: RuleVerdict, operation: Operation, *, again: bool) -> Text:
    rule = each.rule
    group = None if rule.group is None else rule.group.name
    member = None if rule.rule is None else rule.rule.attribute
    it = "it" if member is None else f"{operation.name} of {member}"
    said = {
        Standing.ALLOWS: f"allows {it}{'' if group is None else f' to members of {group}'}",
        Standing.NOT_A_MEMBER: f"would allow {it} to members of {group}: not a member",
        Standing.DOES_NOT_HOLD: "is for this user, but not about this object",
        Standing.NEITHER: f"is for members of {group}: not a member; and not about this object",
        Standing.FAILED: f"fails: {each.problem}",
    }[each.standing]
    line = Text(f"rule {rule.id} ", "green" if each.standing is Standing.ALLOWS else "")
    line.append(said)
    if rule.rule is not None and rule.rule.restricted:
        line.append(f"  {each.elapsed_ms:.1f} ms", _DIM)
    if not again:
        line.append("\n").append_text(_said(rule))
    return line


def _print_steps(console: Console, told: Explanation) -> None:
    read = told.operations[0]
    if read.allowed or not told.steps:
        return
    tree = Tree("In an INCLUDE, by public steps, from an object the user may read:")
    for step in told.steps:
        found = "none" if step.via is None else _object(step.origin, step.via)
        tree.add(f"{step.origin}.{step.field}: {found}")
    console.print(tree)


def explanation_json(told: Explanation) -> dict[str, Any]:
    """What the user may do to the object."""
    return {
        "user": _user_json(told.user),
        "entity": told.entity.name,
        "id": told.id,
        "operations": [
            {
                "operation": verdict.operation.name,
                "allowed": verdict.allowed,
                "reason": verdict.reason.value,
                "members": verdict.members,
                "problem": verdict.problem,
                "rules": [
                    {
                        **rule_json(each.rule),
                        "standing": each.standing.value,
                        "milliseconds": round(each.elapsed_ms, 3),
                        "problem": each.problem,
                    }
                    for each in verdict.rules
                ],
            }
            for verdict in told.operations
        ],
        "publicSteps": [{"origin": step.origin, "field": step.field, "via": step.via} for step in told.steps],
    }


# Who may read an object


def print_readers(console: Console, found: Readers) -> None:
    """Who may read the object, by each rule."""
    tree = Tree(f"Who may read {_object(found.entity.name, found.id)}")
    tree.add(Text(f"root users: {', '.join(found.root_user_names) or 'none'}"))
    for each in found.rules:
        if each.audience is not Audience.NOBODY:
            tree.add(Text(f"rule {each.rule.id}: {_audience(each)}\n").append_text(_said(each.rule)))
    if all(each.audience is Audience.NOBODY for each in found.rules):
        tree.add("nobody by rules")
    nobody = [each.rule for each in found.rules if each.audience is Audience.NOBODY]
    if nobody:
        tree.add(f"rules that open it to nobody: {_rule_ids(nobody, 20)}")
    if found.steps and not found.everybody:
        steps = ", ".join(f"{origin}.{field}" for origin, field in found.steps)
        tree.add(f"in an INCLUDE, whoever reads what these public steps start from: {steps}")
    console.print(tree)


def _audience(each: RuleReaders) -> str:
    if each.audience is Audience.EVERYBODY:
        return "everybody"
    if each.audience is Audience.UNKNOWN:
        return f"not known: {each.problem}"
    group = None if each.rule.group is None else each.rule.group.name
    whom = f"members of {group}" if each.audience is Audience.MEMBERS else "users"
    if each.audience is Audience.USERS and group is not None:
        whom = f"users who are members of {group}"
    names = [user.name if user.full_name is None else f"{user.name} ({user.full_name})" for user in each.users]
    more = each.count - len(each.users)
    return f"{whom} ({each.count:,}): {', '.join(names)}{f' and {more:,} more' if more else ''}"


def readers_json(found: Readers) -> dict[str, Any]:
    """Who may read the object."""
    return {
        "entity": found.entity.name,
        "id": found.id,
        "everybody": found.everybody,
        "rootUsers": found.root_user_names,
        "rules": [
            {
                **rule_json(each.rule),
                "audience": each.audience.value,
                "count": each.count,
                "users": [{"name": user.name, "fullName": user.full_name} for user in each.users],
                "problem": each.problem,
            }
            for each in found.rules
        ],
        "publicSteps": [{"origin": origin, "field": field} for origin, field in found.steps],
    }


# What a user may read


def print_reach(console: Console, start: Reaching, found: Sequence[Reach], most: int) -> None:
    """How much of each entity the user may read; at most `most` rules are named each time."""
    console.print(_user_line(start.user))
    table = Table("entity", "may read", "by rules", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for each in found:
        if each.part is not Part.NOTHING:
            by = "root user" if start.user.caller.root else _rule_ids(_deciding(each), most)
            table.add_row(each.entity.name, _amount(each), by)
    console.print(table)
    none = [plural(each.entity) for each in found if each.part is Part.NOTHING]
    if none:
        console.print(f"Nothing of: {', '.join(none)}.")


def _deciding(each: Reach) -> list[StoredRule]:
    """The rules that matter: beside one without condition the others do not."""
    whole = [rule for rule in each.rules if rule.rule is not None and not rule.rule.restricted]
    return whole or list(each.rules)


def _amount(each: Reach) -> str:
    whole = "all, " if each.part is Part.EVERYTHING else ""
    if each.count is None:
        return f"{whole}not counted: {each.problem}"
    return f"{whole}{'more than ' if each.more else ''}{each.count:,}"


def reach_json(start: Reaching, found: Sequence[Reach]) -> dict[str, Any]:
    """How much of each entity the user may read."""
    return {
        "user": _user_json(start.user),
        "entities": [
            {
                "entity": each.entity.name,
                "part": each.part.value,
                "count": each.count,
                "more": each.more,
                "problem": each.problem,
                "milliseconds": round(each.elapsed_ms, 3),
                "rules": [rule.id for rule in each.rules],
            }
            for each in found
        ],
    }


# Words


def _object(entity: str, identifier: int) -> str:
    return f"{entity} {identifier}"


def _whom(rule: StoredRule) -> str:
    return "everybody" if rule.group is None else rule.group.name


def _said(rule: StoredRule) -> Text:
    """The rule in words where there are any, and as it is written."""
    if rule.problem is not None:
        return Text(rule.what).append(f"\nnot valid, allows nothing: {rule.problem}", "red")
    words = in_words(rule)
    return Text(rule.what) if words is None else Text(words).append(f"\n{rule.what}", _DIM)


def _rule_ids(rules: Iterable[StoredRule], most: int) -> str:
    ids = [str(rule.id) for rule in rules]
    more = len(ids) - most
    return ", ".join(ids[:most]) + (f" and {more:,} more" if more > 0 else "")


def _user_line(user: KnownUser) -> Text:
    name = user.caller.name
    if user.caller.root:
        return Text(f"{name} is a root user: every right, whatever the rules say.")
    if not user.in_catalogue:
        hint = "" if "/" in name else " Most user names begin with a mechanism, such as db/ann."
        return Text(f"The catalogue has no User {name}: only the rules for everybody are for it.{hint}")
    return Text(f"{name} is in the groups {', '.join(user.groups)}." if user.groups else f"{name} is in no group.")


def _user_json(user: KnownUser) -> dict[str, Any]:
    return {
        "name": user.caller.name,
        "root": user.caller.root,
        "inCatalogue": user.in_catalogue,
        "groups": user.groups,
    }
