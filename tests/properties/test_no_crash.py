"""Broken and hostile questions: only `BeamcatError`s come back, and no word of a client gets into the SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from random import Random

import pytest

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.query.compile import compile_get, compile_search
from beamcat.query.parse import parse_get, parse_rule
from beamcat.query.rights import EveryRight
from beamcat.query.run import Engine

from .engine import LIMITS, MAX_ENTITIES, UNWATCHED, ask, caller_of, examples, parsed, statements
from .queries import QueryWriter
from .rules import RuleWriter
from .world import USERS, load, make_world

MUTATIONS = 3000
MARKED = 1500

CLIENTS_FAULT = frozenset({ErrorKind.BAD_PARAMETER, ErrorKind.VALIDATION, ErrorKind.TIMED_OUT})

PUNCTUATION = "(),.=<>+-*/'\"[]{}:;?%$\\\0\t\né💥"
WORDS = """
SELECT FROM WHERE GROUP BY HAVING ORDER INCLUDE LIMIT DISTINCT JOIN LEFT OUTER INNER FETCH IN IS NOT NULL AND OR
BETWEEN LIKE ESCAPE EXISTS ALL ANY MEMBER OF EMPTY COUNT MIN MAX AVG SUM CONCAT SUBSTRING TRIM LOWER UPPER LENGTH LOCATE
ABS SQRT MOD SIZE COALESCE NULLIF CASE WHEN THEN ELSE END TRUE FALSE AS ASC DESC CURRENT_DATE CURRENT_TIME
CURRENT_TIMESTAMP <-> <> != 0 1 -1 3.5 1e400 99999999999999999999 2147483648 Dataset Investigation Rule User x ds a0
a0.name ds1.id x.datasets :user :other
"""
TOKENS = (
    *PUNCTUATION,
    *WORDS.split(),
    "{ts 2014-01-01 12:00:00}",
    "''",
    "'it''s'",
    "'; DROP TABLE dataset; --",
    "/* */",
    "org.icatproject.StudyStatus.NEW",
    "x" * 300,
    "((((((((((((((((((((((((((((((((((((((((((((((((",
    "'\ud800'",
)


def _mutated(text: str, rng: Random) -> str:
    """The text with a few tokens dropped, doubled, exchanged or put in, or cut off."""
    tokens = re.findall(r"\s+|[\w.$]+|'(?:[^']|'')*'|.", text, re.DOTALL)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        if not tokens:
            break
        at = rng.randrange(len(tokens))
        match rng.randrange(6):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, tokens[at])
            case 2:
                other = rng.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens.insert(at, f" {rng.choice(TOKENS)} ")
            case 4:
                tokens[at] = rng.choice(TOKENS)
            case _:
                tokens = tokens[:at] if rng.random() < 0.3 else tokens
    return "".join(tokens)


async def test_mutated_questions_are_answered_or_refused(database: Database) -> None:
    world = make_world(7)
    async with database.transaction() as conn:
        await load(world, conn)
    engine = Engine(database, UNWATCHED, MAX_ENTITIES)
    outcomes = {"answered": 0, "refused": 0}
    for number in range(examples(MUTATIONS)):
        rng = Random(f"mutation/{number}")
        text = _mutated(QueryWriter(rng, world, number % 4).search(), rng)
        try:
            await ask(engine, parsed(text), EveryRight(), caller_of(world, USERS[0]), text)
            outcomes["answered"] += 1
        except BeamcatError as error:
            outcomes["refused"] += 1
            assert error.kind in CLIENTS_FAULT, f"{error.kind} for {text!r}: {error.message}"
            assert error.message
        except Exception as error:
            error.add_note(f"number {number}: {text!r}")
            raise
    assert min(outcomes.values()) > sum(outcomes.values()) / 20, outcomes


@pytest.mark.parametrize("read", [parsed, lambda text: parse_rule(text, LIMITS)], ids=["search", "rule"])
def test_mutated_texts_are_parsed_or_refused(read: Callable[[str], object]) -> None:
    world = make_world(7)
    for number in range(examples(MUTATIONS)):
        rng = Random(f"text/{number}")
        text = _mutated(rng.choice((QueryWriter(rng, world, 2).search(), RuleWriter(rng, world, 2).rule().what)), rng)
        try:
            read(text)
        except BeamcatError as error:
            assert error.kind is ErrorKind.BAD_PARAMETER
        except Exception as error:
            error.add_note(f"number {number}: {text!r}")
            raise


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_refused(seed: int) -> None:
    rng = Random(seed)
    for _ in range(examples(MUTATIONS) // 4):
        text = " ".join(rng.choices(TOKENS, k=rng.randrange(12)))
        for read in (parsed, lambda t: parse_get(t, LIMITS), lambda t: parse_rule(t, LIMITS)):
            try:
                tree = read(text)
                if read is parsed:
                    compile_search(tree, EveryRight(), MAX_ENTITIES)  # type: ignore[arg-type]
            except BeamcatError as error:
                assert error.kind is ErrorKind.BAD_PARAMETER
            except Exception as error:
                error.add_note(repr(text))
                raise


_LITERAL = re.compile(r"(ESCAPE )?'(?:[^']|'')*'|\{[^}]*\}|(?<![\w.$'-])\d+(?:\.\d+)?(?![\w.'])|[\w.$]+|.", re.DOTALL)
_MOMENT = re.compile(r"'\d{4}-\d\d-\d\d[ \d:]*'")


def _marked(text: str, start: int) -> tuple[str, list[str]]:
    """The query with unmistakable literals in place of its own, and those literals."""
    numbers = count(start)
    markers: list[str] = []

    def mark(match: re.Match[str]) -> str:
        token = match[0]
        if match[1] or token[0] == "{" or _MOMENT.fullmatch(token):
            return token
        if token[0] == "'":
            markers.append(f"MARK{next(numbers)}")
            return f"'{markers[-1]}'"
        if token[0].isdigit() and not token.isalpha() and token.replace(".", "").isdigit():
            markers.append(str(next(numbers)))
            return markers[-1] if "." not in token else f"{markers[-1]}.5"
        return token

    clauses = re.split(r"(?i)(?= (?:LIMIT|INCLUDE) )", text, maxsplit=1)
    return _LITERAL.sub(mark, clauses[0]) + "".join(clauses[1:]), markers


def test_no_literal_of_a_client_gets_into_the_sql() -> None:
    world = make_world(3)
    seen = 0
    for number in range(examples(MARKED)):
        text = QueryWriter(Random(f"marked/{number}"), world, number % 4).jpql()
        one, markers = _marked(text, 7_310_000)
        other, _ = _marked(text, 8_520_000)
        try:
            plans = [compile_search(parsed(each), EveryRight(), MAX_ENTITIES) for each in (one, other)]
        except BeamcatError:
            continue  # a marker may be no date, for instance
        first, second = ([statement.sql for statement in statements(plan)] for plan in plans)
        assert first == second, f"the SQL depends on the literals of {one}"
        assert not any(marker in sql for marker in markers for sql in first), f"{one} leaks into {first}"
        bound = " ".join(map(str, (value for each in statements(plans[0]) for value in each.params)))
        seen += sum(marker in bound for marker in markers)
    assert seen > examples(MARKED) / 2


async def test_hostile_strings_are_only_strings(database: Database) -> None:
    engine = Engine(database, UNWATCHED, MAX_ENTITIES)
    caller = caller_of(make_world(0), "x' OR '1'='1")
    for text in (
        "'",
        "''",
        "\\",
        "\\'",
        "$1",
        "%s",
        "%(x)s",
        "{0}",
        "$$",
        "--",
        "/*",
        '"',
        ";",
        "\u2028",
        "\U0001f4a5",
    ):
        quoted = text.replace("'", "''")
        query = parsed(
            f"SELECT u.name FROM User u WHERE u.name = '{quoted}' OR u.name LIKE '{quoted}%' OR u.name = :user"
        )
        assert not (await ask(engine, query, EveryRight(), caller)).rows


def test_a_get_query_binds_its_id() -> None:
    plan = compile_get(parse_get("Dataset INCLUDE 1", LIMITS), EveryRight(), MAX_ENTITIES)
    assert "$1::bigint[]" in plan.statement.sql
