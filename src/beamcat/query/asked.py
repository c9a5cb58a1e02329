"""Rules put to the database for people who want to know what they come to (`access.explain` and its neighbours).

The conditions are those that every question gets: nothing here knows what a rule means.
"""

from __future__ import annotations

from beamcat.database.naming import quoted, table_name
from beamcat.model import Entity, icat_entity
from beamcat.query.condition_sql import where_sql
from beamcat.query.predicates import readable_condition
from beamcat.query.rights import Readable
from beamcat.query.scope import Scope
from beamcat.query.sql import Bindable, CallerValue, Parameters, Statement

_USERS = "users"
"""The alias of the users who are looked for; those of the compiler are `t1`, `t2`, ..."""


class _ForEveryUser(Parameters):
    """The parameters of a statement that is asked for all users at once: the caller is a row of `user`."""

    __slots__ = ()

    def bind(self, value: Bindable, sql_type: str) -> str:
        """The column of the user where the caller is meant, else a placeholder."""
        if value is CallerValue.USER_NAME:
            return f"{_USERS}.name"
        if value is CallerValue.USER_ID:
            return f"{_USERS}.id"
        return Parameters.bind(self, value, sql_type)


def compile_users(entity: Entity, allowed: Readable, grouping_id: int | None, most: int) -> Statement:
    """Name and full name of the users to whom `allowed` gives one of the ids bound, and how many there are in all.

    At most `most` of them, by name. With `grouping_id`, only its members.
    """
    parameters = _ForEveryUser()
    scope = Scope(parameters)
    table = scope.add_table(entity)
    wanted = f"{table.id} = ANY({parameters.bind(CallerValue.IDS, 'bigint[]')})"
    condition = readable_condition(table, allowed, scope)
    inside = where_sql([wanted] if condition is None else [wanted, condition])
    conditions = [f"EXISTS (SELECT 1{scope.from_sql}{inside})"]
    if grouping_id is not None:
        member = parameters.alias()
        conditions.append(
            f"EXISTS (SELECT 1 FROM user_group {member} WHERE {member}.user_id = {_USERS}.id"
            f" AND {member}.grouping_id = {parameters.bind(grouping_id, 'bigint')})"
        )
    users = f"{quoted(table_name(icat_entity('User')))} {_USERS}"
    return parameters.statement(
        f"SELECT {_USERS}.name, {_USERS}.full_name, count(*) OVER () FROM {users}{where_sql(conditions)}"
        f" ORDER BY {_USERS}.name LIMIT {parameters.bind(most, 'bigint')}"
    )


def compile_count(entity: Entity, allowed: Readable, most: int) -> Statement:
    """How many objects of `entity` are allowed, counting no further than `most`."""
    parameters = Parameters(few_rows=False)
    scope = Scope(parameters)
    table = scope.add_table(entity)
    condition = readable_condition(table, allowed, scope)
    where = where_sql([] if condition is None else [condition])
    limit = parameters.bind(most, "bigint")
    return parameters.statement(f"SELECT count(*) FROM (SELECT 1{scope.from_sql}{where} LIMIT {limit}) found")


def asks_for_the_caller(statement: Statement) -> bool:
    """Whether the answer depends on who asks."""
    return any(value in {CallerValue.USER_NAME, CallerValue.USER_ID} for value in statement.params)
