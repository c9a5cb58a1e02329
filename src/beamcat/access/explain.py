"""Who may do what to one object, and why: which rules say so, and what the others lack.

The verdicts are the server's own: `Rulebook` gives the rules that apply, and the statement that `compile_allowed` makes
of them decides. Each rule is then put to the database alone, for the same object and the same user, to see which of
them it was. So an explanation cannot disagree with what happens.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

from psycopg import errors

from beamcat.access.caller import Caller
from beamcat.access.rulebook import Rulebook
from beamcat.access.rules import Operation
from beamcat.access.stored_rules import KnownUser, StoredRule, StoredRules, read_rules, read_user
from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, NoSuchObject, TimedOut
from beamcat.model import Entity, Relation
from beamcat.query.compile import compile_allowed, compile_search
from beamcat.query.rights import Extent, Readable
from beamcat.query.run import run_statement
from beamcat.query.sql import Statement
from beamcat.query.tree import Comparison, FromEntity, FromPath, Limit, Literal, Path, Query

SECONDS = 10.0
"""How long one rule may take on one object."""
OPERATIONS = (Operation.READ, Operation.CREATE, Operation.UPDATE, Operation.DELETE)
"""In the order in which they are told."""


class Standing(Enum):
    """How a rule stands to a user and an object."""

    ALLOWS = "allows"
    NOT_A_MEMBER = "not a member"
    """It would allow it, but is for a group the user is not in."""
    DOES_NOT_HOLD = "does not hold"
    """It is for the user, but not about this object."""
    NEITHER = "neither"
    """It is for another group, and not about this object either."""
    FAILED = "failed"
    """The database could not tell: `problem` says why. For those it is for, the whole question fails."""


class Reason(Enum):
    """Why something is allowed, or is not."""

    ROOT = "root"
    PUBLIC_TABLE = "public table"
    """A rule without condition, for everybody."""
    RULES = "rules"
    NO_RULE = "no rule"
    """None of the rules allows it."""


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """What one rule says, and how long the database took to tell."""

    rule: StoredRule
    standing: Standing
    elapsed_ms: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class OperationVerdict:
    """Whether the user may do it to the object. CREATE: whether an object like this could be created.

    `rules` are all that speak of the operation on this entity, those that allow it first. `members` names what may be
    updated by rules for single members where the whole object may not be. `problem` is set, and nothing allowed, when
    the check itself fails: that is what a client gets, too.
    """

    operation: Operation
    allowed: bool
    reason: Reason
    rules: tuple[RuleVerdict, ...]
    members: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """A public step that leads to the object: whoever reads an object it starts from sees this one in an INCLUDE.

    `via` is the id of such an object that the user may read by a rule; None when there is none.
    """

    origin: str
    field: str
    via: int | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a user may do to an object. `steps` only matter where READ is not allowed anyway."""

    user: KnownUser
    entity: Entity
    id: int
    operations: tuple[OperationVerdict, ...]
    steps: tuple[StepVerdict, ...]


async def explain(
    database: Database,
    root_user_names: Collection[str],
    entity: Entity,
    identifier: int,
    user_name: str,
    *,
    seconds: float = SECONDS,
) -> Explanation:
    """What the user may do to the object, and by which rules. Raises `NoSuchObject` when there is no such object."""
    async with database.snapshot() as connection:
        await limit_seconds(connection, seconds)
        await check_there(connection, entity, identifier)
        rules = await read_rules(connection)
        user = await read_user(connection, user_name, root_user_names)
        question = _Question(connection, rules, user.caller, entity, identifier)
        return Explanation(
            user,
            entity,
            identifier,
            tuple([await question.verdict(operation) for operation in OPERATIONS]),
            tuple([await question.step(origin, field) for origin, field in rules.steps_to(entity)]),
        )


async def limit_seconds(connection: Connection, seconds: float) -> None:
    """Stop every statement of this transaction that takes longer."""
    await connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{max(1, round(seconds * 1000))}",))


async def check_there(connection: Connection, entity: Entity, identifier: int) -> None:
    """Raise `NoSuchObject` unless the object is there."""
    nobody = Caller("", root=True)
    if not await run_statement(connection, compile_allowed(entity, Extent.EVERYTHING), nobody, [identifier]):
        raise NoSuchObject(f"{entity.name}[id:{identifier}] not found.")


async def held(connection: Connection, statement: Statement, caller: Caller, identifier: int) -> bool:
    """Whether the statement finds the object. What goes wrong leaves the transaction as it was."""
    try:
        async with connection.transaction():
            return bool(await run_statement(connection, statement, caller, [identifier]))
    except errors.QueryCanceled as error:
        raise TimedOut("it takes too long") from error


class _Question:
    """One user, one object."""

    def __init__(
        self, connection: Connection, rules: StoredRules, caller: Caller, entity: Entity, identifier: int
    ) -> None:
        self.connection = connection
        self.rules = rules
        self.caller = caller
        self.entity = entity
        self.identifier = identifier
        self._known: dict[str, tuple[bool, float, str | None]] = {}

    @property
    def book(self) -> Rulebook:
        return self.rules.rulebook

    async def verdict(self, operation: Operation) -> OperationVerdict:
        """Whether it is allowed, and what each rule says."""
        verdicts = [await self._rule(rule) for rule in self.rules.about(self.entity, operation)]
        verdicts.sort(key=lambda each: (list(Standing).index(each.standing), each.rule.id))
        try:
            allowed = await self._allowed(self.book.applicable(self.caller, self.entity, operation))
            members = () if allowed or operation is not Operation.UPDATE else await self._members()
        except BeamcatError as error:
            return OperationVerdict(operation, False, Reason.NO_RULE, tuple(verdicts), problem=error.message)
        return OperationVerdict(operation, allowed, self._reason(operation, allowed), tuple(verdicts), members)

    async def step(self, origin: Entity, relation: Relation) -> StepVerdict:
        """Whether the user may read, by the rules, an object that this public step starts from."""
        query = Query(
            select=(Path("START", ("id",)),),
            sources=(FromEntity(origin.name, "START"), FromPath(Path("START", (relation.name,)), "END")),
            where=Comparison("=", Path("END", ("id",)), Literal(self.identifier)),
            limit=Limit(0, 1),
        )
        plan = compile_search(query, self.book.rights(self.caller), 1)
        if plan.statement is None:
            return StepVerdict(origin.name, relation.name, None)
        try:
            async with self.connection.transaction():
                rows = await run_statement(self.connection, plan.statement, self.caller)
        except (errors.QueryCanceled, BeamcatError):
            rows = []  # the rules of the other entity are to be asked about there
        return StepVerdict(origin.name, relation.name, rows[0][0] if rows else None)

    async def _allowed(self, extent: Readable) -> bool:
        if isinstance(extent, Extent):
            return extent is Extent.EVERYTHING
        return await held(self.connection, compile_allowed(self.entity, extent), self.caller, self.identifier)

    async def _members(self) -> tuple[str, ...]:
        names = {rule.rule.attribute for rule in self.rules.about(self.entity, Operation.UPDATE) if rule.rule}
        found = [
            name
            for name in sorted(filter(None, names))
            if await self._allowed(self.book.attribute_rules(self.caller, self.entity, name))
        ]
        return tuple(found)

    def _reason(self, operation: Operation, allowed: bool) -> Reason:
        if self.caller.root:
            return Reason.ROOT
        if operation is Operation.READ and self.entity.name in self.book.public_tables:
            return Reason.PUBLIC_TABLE
        return Reason.RULES if allowed else Reason.NO_RULE

    async def _rule(self, rule: StoredRule) -> RuleVerdict:
        holds, elapsed_ms, problem = await self._holds(rule)
        if problem is not None:
            return RuleVerdict(rule, Standing.FAILED, elapsed_ms, problem)
        if rule.is_for(self.caller):
            return RuleVerdict(rule, Standing.ALLOWS if holds else Standing.DOES_NOT_HOLD, elapsed_ms)
        return RuleVerdict(rule, Standing.NOT_A_MEMBER if holds else Standing.NEITHER, elapsed_ms)

    async def _holds(self, rule: StoredRule) -> tuple[bool, float, str | None]:
        """Whether the object satisfies the rule for the user, the milliseconds it took, and what went wrong."""
        assert rule.rule is not None
        if not rule.rule.restricted:
            return True, 0.0, None
        if rule.what not in self._known:
            statement = compile_allowed(self.entity, (rule.query,))
            started = perf_counter()
            holds, problem = False, None
            try:
                holds = await held(self.connection, statement, self.caller, self.identifier)
            except BeamcatError as error:
                problem = error.message
            self._known[rule.what] = holds, (perf_counter() - started) * 1000, problem
        return self._known[rule.what]
