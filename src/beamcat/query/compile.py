"""From a parsed question and a caller's rights to SQL (sections D.4 to D.8 and E.6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from beamcat.errors import BadParameter
from beamcat.model import Attribute, Entity, Member, ToMany, ToOne, icat_entity
from beamcat.query.condition_sql import Conditions, where_sql
from beamcat.query.include_sql import compile_includes, foreign_keys
from beamcat.query.plan import GetPlan, IncludePlan, Part, Plan, entity_columns
from beamcat.query.predicates import readable_condition, readable_reference, readable_sides
from beamcat.query.result import Column
from beamcat.query.rights import Extent, Readable, Rights
from beamcat.query.rule_shapes import paths_in, rewritten
from beamcat.query.scope import Scope, Table, target_of
from beamcat.query.sql import CallerValue, Parameters, Statement
from beamcat.query.tree import Aggregate, Expression, Get, Limit, OrderBy, Path, Query
from beamcat.query.typed import LONGEST, Typed
from beamcat.query.value_sql import field_of


@dataclass(frozen=True, slots=True)
class _Checked:
    """One thing the caller must be allowed to read: a table of the question, or the target of a foreign key."""

    entity: Entity
    table: Table | None
    foreign_key: str = ""


def compile_search(query: Query, rights: Rights, max_entities: int) -> Plan:
    """The plan of a search. At most `max_entities` + 1 rows are asked for, to know when there are too many.

    Raises `BadParameter` for what the question gets wrong.
    """
    return _Search(query, rights, max_entities).plan()


def compile_rows(query: Query, rights: Rights) -> Statement | None:
    """The rows of a search in no order and without an end, to be summed up by the SQL around them.

    None when the caller may read none. Raises `BadParameter` for what the question gets wrong.
    """
    return _Search(query, rights, LONGEST, few_rows=False).rows()


def compile_get(get: Get, rights: Rights, max_entities: int) -> GetPlan:
    """The plan of a get query; the id is bound as the only one of `CallerValue.IDS`."""
    entity = icat_entity(get.entity)
    includes = compile_includes(get.include, entity, get.variable, rights, max_entities)
    parameters = Parameters()
    scope = Scope(parameters)
    table = scope.add_table(entity)
    condition = readable_condition(table, rights.readable(entity), scope) or "true"
    columns = [*entity_columns(table, foreign_keys(includes)), f"coalesce({condition}, false)"]
    wanted = f"{table.id} = ANY({parameters.bind(CallerValue.IDS, 'bigint[]')})"
    sql = f"SELECT {', '.join(columns)}{scope.from_sql} WHERE {wanted}"
    return GetPlan(entity, parameters.statement(sql), includes)


def compile_allowed(entity: Entity, allowed: Readable) -> Statement:
    """Which of the ids bound as `CallerValue.IDS` exist and are allowed; for the checks of single objects (E.4)."""
    parameters = Parameters()
    scope = Scope(parameters)
    table = scope.add_table(entity)
    wanted = f"{table.id} = ANY({parameters.bind(CallerValue.IDS, 'bigint[]')})"
    condition = readable_condition(table, allowed, scope)
    conditions = [wanted] if condition is None else [wanted, condition]
    return parameters.statement(f"SELECT {table.id}{scope.from_sql}{where_sql(conditions)}")


class _Search:
    """One search while it is compiled."""

    def __init__(self, query: Query, rights: Rights, max_entities: int, *, few_rows: bool = True) -> None:
        self.rights = rights
        self.max_entities = max_entities
        self.parameters = Parameters(few_rows=few_rows and not any(map(_has_aggregate, query.select)))
        self.scope = Scope(self.parameters)
        for source in query.sources:
            self.scope.declare(source)
        self.query = self._with_joined_collections(query)
        self.select = Conditions(self.scope, "SELECT").values

    def plan(self) -> Plan:
        """The finished plan."""
        query = self.query
        selected_paths = sorted(paths_in(query.select), key=str)
        entity_column = self._selected_entity()
        includes: tuple[IncludePlan, ...] = ()
        if query.include is not None and entity_column is not None:
            path, entity = entity_column
            root = query_root(path)
            includes = compile_includes(query.include, entity, root, self.rights, self.max_entities)
        columns, parts, sql_columns = self._columns(foreign_keys(includes))
        where = Conditions(self.scope, "WHERE")
        conditions = [] if query.where is None else [where.compile(query.where)]
        tail = self._grouping()
        checked = self._checked(selected_paths)
        counts = len(selected_paths) == 1 and _counts(query.select)
        if not counts and any(self.rights.readable(each.entity) is Extent.NOTHING for each in checked):
            # E.6: only COUNT over one path has an answer then, that there is nothing
            return Plan(None, columns, parts, ())
        order = self._order(sql_columns, checked)
        arms = self._arms(checked)
        if arms:
            sql = self._page(sql_columns, conditions, arms, order)
        else:
            where_clause = where_sql([*conditions, *self._read_conditions(checked)])
            distinct = "DISTINCT " if query.distinct else ""
            sql = f"SELECT {distinct}{', '.join(sql_columns)}{self.scope.from_sql}{where_clause}{tail}"
            sql += _order_by(order) + self._limit(query.limit)
        return Plan(self.parameters.statement(sql), columns, parts, includes)

    def rows(self) -> Statement | None:
        """All rows that are wanted and may be read; None when the caller may read none."""
        query = self.query
        _, _, sql_columns = self._columns(())
        where = Conditions(self.scope, "WHERE")
        conditions = [] if query.where is None else [where.compile(query.where)]
        checked = self._checked(sorted(paths_in(query.select), key=str))
        if any(self.rights.readable(each.entity) is Extent.NOTHING for each in checked):
            return None
        where_clause = where_sql([*conditions, *self._read_conditions(checked)])
        distinct = "DISTINCT " if query.distinct else ""
        return self.parameters.statement(
            f"SELECT {distinct}{', '.join(sql_columns)}{self.scope.from_sql}{where_clause}"
        )

    # -- SELECT ------------------------------------------------------------------------------------

    def _with_joined_collections(self, query: Query) -> Query:
        """`SELECT f.investigations` means an inner join to the collection, and selects its members."""
        joined: dict[Path, Path] = {}
        for path in sorted(paths_in(query.select), key=str):
            collection = self._collection(path)
            if collection is not None:
                variable = f"{path} joined"
                self.scope.variables[variable] = self.scope.join_once(self.scope.owner(path, "SELECT"), collection)
                joined[path] = Path(variable)
        if not joined:
            return query
        changed = rewritten(query.select, lambda path: joined.get(path, path))
        return replace(query, select=changed)

    def _collection(self, path: Path) -> ToMany | None:
        """The to-many relation a path ends in, if it does. Joins nothing."""
        entity = self.scope.variable(path.variable, "SELECT").entity
        member: Member | None = None
        for step in path.steps:
            member = field_of(entity, step)
            entity = entity if isinstance(member, Attribute) else target_of(member)
        return member if isinstance(member, ToMany) else None

    def _last_member(self, path: Path) -> Member | None:
        """Where a path ends, found without joining anything; None for a variable alone."""
        entity, member = self.scope.variable(path.variable, "SELECT").entity, None
        for step in path.steps:
            member = field_of(entity, step)
            if isinstance(member, ToOne | ToMany):
                entity = target_of(member)
        return member

    def _selected_entity(self) -> tuple[Path, Entity] | None:
        """The path and entity of a search that selects one entity."""
        if len(self.query.select) == 1 and isinstance(self.query.select[0], Path):
            path = self.query.select[0]
            typed = self.select.path(path)
            if typed.entity is not None:
                return path, typed.entity
        return None

    def _table(self, path: Path) -> Table:
        """The table of a path that yields an entity: its last step is joined."""
        if not path.steps:
            return self.scope.variable(path.variable, "SELECT")
        owner = self.scope.owner(path, "SELECT")
        member = field_of(owner.entity, path.steps[-1])
        assert isinstance(member, ToOne)
        return self.scope.join_once(owner, member)

    def _columns(self, keys: tuple[ToOne, ...]) -> tuple[tuple[Column, ...], tuple[Part, ...], list[str]]:
        columns: list[Column] = []
        parts: list[Part] = []
        sql: list[str] = []
        for expression in self.query.select:
            typed = self.select.compile(expression)
            if isinstance(expression, Path) and typed.entity is not None:
                cells = entity_columns(self._table(expression), keys)
            elif typed.entity is not None:
                raise BadParameter(f"SELECT cannot use {typed.noun} inside an expression")
            else:
                cells = [f"{typed.sql}::text" if typed.is_null else typed.sql]
            columns.append(Column(typed.entity, typed.kind))
            parts.append(Part(len(sql), len(cells)))
            sql += cells
        return tuple(columns), tuple(parts), sql

    # -- rights ------------------------------------------------------------------------------------

    def _checked(self, paths: list[Path]) -> list[_Checked]:
        """What the caller must be allowed to read (the table of section E.6)."""
        if not paths:
            return [_Checked(table.entity, table) for table in self.scope.variables.values()]
        return list(dict.fromkeys(self._checked_path(path) for path in paths))

    def _checked_path(self, path: Path) -> _Checked:
        if not path.steps:
            table = self.scope.variable(path.variable, "SELECT")
            return _Checked(table.entity, table)
        key = self.select.foreign_key(path)
        if key is not None:
            owner = self.scope.owner(Path(path.variable, path.steps[:-1]), "SELECT")
            relation = owner.entity.fields[path.steps[-2]]
            assert isinstance(relation, ToOne)
            joined = self.scope.joined(owner, relation)
            return _Checked(target_of(relation), joined, key.sql)
        owner = self.scope.owner(path, "SELECT")
        member = field_of(owner.entity, path.steps[-1])
        table = owner if isinstance(member, Attribute) else self._table(path)
        return _Checked(table.entity, table)

    def _read_conditions(self, checked: list[_Checked]) -> Iterator[str]:
        for each in checked:
            readable = self.rights.readable(each.entity)
            if each.table is not None:
                condition = readable_condition(each.table, readable, self.scope)
            else:
                condition = readable_reference(each.foreign_key, each.entity, readable, self.scope)
            if condition is not None:
                yield condition

    def _arms(self, checked: list[_Checked]) -> list[str]:
        """The two sides of the caller's rights when a sorted page is asked for; empty when one statement will do.

        PostgreSQL cannot use an index for "mine, or public". So the page is put together from the first rows of what is
        the caller's and the first rows of the rest, each found in its own best way. A question with joins has found
        its rows by other means already.
        """
        query = self.query
        paged = query.limit is not None and query.limit.count is not None and query.order_by and len(query.sources) == 1
        if not paged or query.distinct or self._grouped or len(checked) != 1 or checked[0].table is None:
            return []
        table = checked[0].table
        sides = readable_sides(table, self.rights.readable(table.entity), self.scope)
        return [] if sides is None else list(sides)

    def _page(
        self, sql_columns: list[str], conditions: list[str], arms: list[str], order: list[tuple[str, bool]]
    ) -> str:
        """The page of a sorted list whose rows satisfy one of `arms`. No row is in both sides."""
        limit = self.query.limit
        assert limit is not None and limit.count is not None
        reach = self.parameters.bind(min(limit.offset + limit.count, LONGEST - 1), "bigint")
        cells = [*sql_columns, *(column for column, _ in order)]
        names = [f"c{number}" for number in range(len(cells))]
        sorted_by = [(name, ascending) for name, (_, ascending) in zip(names[len(sql_columns) :], order, strict=True)]
        sides = []
        for arm in arms:
            where_clause = where_sql([*conditions, arm])
            sides.append(
                f"(SELECT {', '.join(cells)}{self.scope.from_sql}{where_clause}{_order_by(order)} LIMIT {reach})"
            )
        return (
            f"SELECT {', '.join(names[: len(sql_columns)])} FROM ({' UNION ALL '.join(sides)})"
            f" AS page({', '.join(names)}){_order_by(sorted_by)}{self._limit(limit)}"
        )

    # -- the rest ----------------------------------------------------------------------------------

    @property
    def _grouped(self) -> bool:
        query = self.query
        return bool(query.group_by) or query.having is not None or any(map(_has_aggregate, query.select))

    def _group_columns(self) -> list[str]:
        grouped: list[str] = []
        for path in self.query.group_by:
            values = Conditions(self.scope, "GROUP BY").values
            typed = values.path(path)
            grouped.append(self._table(path).id if typed.entity is not None else typed.sql)
            if typed.entity is not None and path.steps:
                # PostgreSQL does not know that `x.rel.id`, which is read from the foreign key, is the same
                grouped.append(values.reference(path).sql)
        return grouped

    def _grouping(self) -> str:
        grouped = self._group_columns()
        having = Conditions(self.scope, "HAVING")
        clause = f" GROUP BY {', '.join(grouped)}" if grouped else ""
        return clause + ("" if self.query.having is None else f" HAVING {having.compile(self.query.having)}")

    def _order(self, sql_columns: list[str], checked: list[_Checked]) -> list[tuple[str, bool]]:
        """The sort keys, and whether they ascend; made total by ids, so that pages neither overlap nor leave gaps.

        With DISTINCT the sort keys are selected too, at the end, where nobody looks for them.
        """
        keys = [self._sort_key(order) for order in self.query.order_by]
        ascending = keys[-1][1] if keys else True
        if self._grouped:
            keys += [(column, True) for column in self._group_columns()]
        elif self.query.distinct:
            keys += [(column, ascending) for column in sql_columns[:1] if self._selected_entity() is not None]
            keys += [(column, True) for column in sql_columns if self._selected_entity() is None]
        else:
            keys += [(each.table.id, ascending) for each in checked if each.table is not None]
        if self.query.distinct:
            keys = [(str(_position(column, sql_columns)), upward) for column, upward in keys]
        first: dict[str, bool] = {}
        for column, upward in keys:
            first.setdefault(column, upward)
        return list(first.items())

    def _sort_key(self, order: OrderBy) -> tuple[str, bool]:
        typed: Typed = Conditions(self.scope, "ORDER BY").values.compile(order.expression)
        return (f"{typed.sql}::text" if typed.is_null else typed.sql), order.ascending

    def _limit(self, limit: Limit | None) -> str:
        asked = None if limit is None else limit.count
        count = self.max_entities + 1 if asked is None else min(asked, self.max_entities + 1)
        clause = f" LIMIT {self.parameters.bind(count, 'bigint')}"
        if limit is not None and limit.offset:
            clause += f" OFFSET {self.parameters.bind(limit.offset, 'bigint')}"
        return clause


def query_root(path: Path) -> str:
    """What INCLUDE steps start from when `path` is selected: the text of the path, as the parser has it."""
    return str(path).removesuffix(" joined")


def _position(column: str, sql_columns: list[str]) -> int:
    if column not in sql_columns:
        sql_columns.append(column)
    return sql_columns.index(column) + 1


def _order_by(keys: list[tuple[str, bool]]) -> str:
    directed = [column if ascending else f"{column} DESC" for column, ascending in keys]
    return f" ORDER BY {', '.join(directed)}" if directed else ""


def _counts(select: tuple[Expression, ...]) -> bool:
    return any(isinstance(item, Aggregate) and item.function == "COUNT" for item in _nodes(select))


def _has_aggregate(expression: Expression) -> bool:
    return any(isinstance(item, Aggregate) for item in _nodes(expression))


def _nodes(node: object) -> Iterator[object]:
    if isinstance(node, tuple):
        for part in node:
            yield from _nodes(part)
    elif hasattr(node, "__slots__"):
        yield node
        for name in node.__slots__:
            yield from _nodes(getattr(node, name))
