"""Random questions, asked with every right: PostgreSQL gives the rows that the plain evaluation gives.

BEAMCAT_EXAMPLES is the number of questions per world; the seed of a failure is in its message.
"""

from __future__ import annotations

from random import Random

import pytest

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.query.rights import EveryRight
from beamcat.query.run import Engine

from .answers import disagreement
from .compare import Unclear
from .engine import MAX_ENTITIES, UNWATCHED, ask, caller_of, examples, parsed
from .evaluate import TooMuch
from .oracle import Permissions, expected_answer
from .queries import QueryWriter
from .world import USERS, load, make_world

WORLDS = 3
QUESTIONS = 1500
DEEPEST = 4


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_the_engine_gives_the_rows_of_the_plain_evaluation(database: Database, seed: int) -> None:
    world = make_world(seed)
    async with database.transaction() as conn:
        await load(world, conn)
    engine = Engine(database, UNWATCHED, MAX_ENTITIES)
    wrong: list[str] = []
    compared = with_rows = 0
    questions = examples(QUESTIONS)
    for number in range(questions):
        user = USERS[number % len(USERS)]
        # Shallow questions first: the first failure is an easy one.
        depth = min(DEEPEST, DEEPEST * 2 * number // questions)
        text = QueryWriter(Random(f"{seed}/{number}"), world, depth).search()
        try:
            query = parsed(text)
            expected = expected_answer(world, query, Permissions(world, (), user, root=True))
            difference = disagreement(expected, await ask(engine, query, EveryRight(), caller_of(world, user), text))
        except (Unclear, TooMuch):
            continue
        except BeamcatError as error:
            difference = f"refused: {error.message}"
        compared += 1
        with_rows += difference is None and expected.total > 0
        if difference is not None:
            wrong.append(f"seed {seed}/{number}: {text}\n  {difference}")
    assert not wrong, f"{len(wrong)} of {compared} answers differ\n" + "\n".join(wrong[:5])
    assert compared > 0.8 * questions, f"only {compared} of {questions} questions prove anything"
    assert with_rows > 0.5 * compared, f"only {with_rows} of {compared} answers have rows"
