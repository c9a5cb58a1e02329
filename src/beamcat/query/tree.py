"""A question as data: what both ICAT query languages are parsed to, and all the compiler knows.

Identification variables are kept upper-cased, because they are case-insensitive; entity and member names are
kept as written. Nothing here is resolved against the model yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string, boolean or null written in the query."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Timestamp:
    """`{ts yyyy-mm-dd hh:mm:ss}`: an aware moment in UTC."""

    value: datetime


@dataclass(frozen=True, slots=True)
class EnumLiteral:
    """`org.icatproject.StudyStatus.NEW`. `enumeration` is None for a bare name of the concise syntax."""

    enumeration: str | None
    value: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """`:name`. Only `user` has a value."""

    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """`ds.investigation.name`: a variable (upper-cased) and the members followed from it."""

    variable: str
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.variable, *self.steps))


@dataclass(frozen=True, slots=True)
class Call:
    """A scalar function, by its upper-case JPQL name.

    CONCAT SUBSTRING LOWER UPPER LENGTH LOCATE ABS SQRT MOD SIZE COALESCE NULLIF CURRENT_DATE CURRENT_TIME
    CURRENT_TIMESTAMP. SIZE takes one `Path`.
    """

    function: str
    arguments: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Trim:
    """`TRIM([LEADING|TRAILING|BOTH] [character] [FROM] text)`; `character` None is the space."""

    side: str
    character: Expression | None
    text: Expression


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left operator right` with one of `+ - * /`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Negative:
    """`-operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Aggregate:
    """COUNT, MIN, MAX, AVG or SUM of an expression."""

    function: str
    operand: Expression
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE WHEN condition THEN value ... ELSE value END`."""

    branches: tuple[tuple[Condition, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class SubSelect:
    """A query in parentheses, used as a value, a set or an existence test."""

    query: Query


Expression = (
    Literal
    | Timestamp
    | EnumLiteral
    | Parameter
    | Path
    | Call
    | Trim
    | Arithmetic
    | Negative
    | Aggregate
    | Case
    | SubSelect
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right` with one of `= <> < <= > >=`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class QuantifiedComparison:
    """`left operator ALL|ANY (query)`; SOME is ANY."""

    operator: str
    left: Expression
    quantifier: str
    query: Query


@dataclass(frozen=True, slots=True)
class Between:
    """`operand [NOT] BETWEEN low AND high`."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InList:
    """`operand [NOT] IN (item, ...)`."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InQuery:
    """`operand [NOT] IN (SELECT ...)`."""

    operand: Expression
    query: Query
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like:
    """`operand [NOT] LIKE pattern [ESCAPE 'c']`; there is no escape character unless one is given."""

    operand: Expression
    pattern: Expression
    escape: str | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsNull:
    """`operand IS [NOT] NULL`."""

    operand: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsEmpty:
    """`path IS [NOT] EMPTY`, the path ending in a to-many relation."""

    path: Path
    negated: bool = False


@dataclass(frozen=True, slots=True)
class MemberOf:
    """`operand [NOT] MEMBER [OF] path`, the path ending in a to-many relation."""

    operand: Expression
    path: Path
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Exists:
    """`[NOT] EXISTS (SELECT ...)`."""

    query: Query
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean expression used as a condition by itself, such as a boolean attribute or TRUE."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of the part."""

    part: Condition


Condition = (
    Comparison
    | QuantifiedComparison
    | Between
    | InList
    | InQuery
    | Like
    | IsNull
    | IsEmpty
    | MemberOf
    | Exists
    | Truth
    | And
    | Or
    | Not
)


@dataclass(frozen=True, slots=True)
class FromEntity:
    """`Dataset [AS] ds`."""

    entity: str
    variable: str


@dataclass(frozen=True, slots=True)
class FromPath:
    """`[INNER|LEFT] JOIN ds.investigation [AS] i`, `, ds.investigation i` or `IN (ds.datafiles) df`.

    The path may have several steps; only the last one is bound to the variable. `left` keeps rows without a match.
    In a subquery the first source may be a path of an outer variable.
    """

    path: Path
    variable: str
    left: bool = False


Source = FromEntity | FromPath


@dataclass(frozen=True, slots=True)
class OrderBy:
    """One sort key."""

    expression: Expression
    ascending: bool = True


@dataclass(frozen=True, slots=True)
class IncludeStep:
    """`path [AS] variable`."""

    path: Path
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Include:
    """What to bring along: `INCLUDE 1` (`to_one_relations`), or steps."""

    steps: tuple[IncludeStep, ...] = ()
    to_one_relations: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """Skip `offset` rows, return at most `count`; None is no bound."""

    offset: int
    count: int | None


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT, with the clauses that the languages know. Subqueries have no order, include or limit."""

    select: tuple[Expression, ...]
    sources: tuple[Source, ...]
    distinct: bool = False
    where: Condition | None = None
    group_by: tuple[Path, ...] = ()
    having: Condition | None = None
    order_by: tuple[OrderBy, ...] = ()
    include: Include | None = None
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Get:
    """A get query: one entity by id, and what to bring along with it."""

    entity: str
    variable: str
    include: Include | None = None
