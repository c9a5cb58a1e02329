"""What every engine answers. Subclasses give an `engine` for the types of `generated`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from beamcat.errors import BadParameter, Unavailable
from beamcat.search.engine import Engine
from beamcat.search.question import (
    AllOf,
    Anchor,
    AnyOf,
    Begins,
    Between,
    Bucket,
    Contains,
    Everything,
    Facet,
    Has,
    Histogram,
    Hit,
    Interval,
    Not,
    Nothing,
    OneOf,
    Path,
    Phrase,
    Predicate,
    Question,
    Range,
    Ranges,
    Same,
    Similar,
    Sort,
    Terms,
    Unranked,
    Weighted,
    Word,
    WordLike,
)
from tests.properties.engine import examples
from tests.search.evaluation import Evaluation
from tests.search.generated import DAY, TYPES, documents, leaves, questions

Documents = Iterable[Mapping[str, Any]]

STUDIES: Documents = (
    {
        "id": 1,
        "title": "Oxidation of Fe2O3 in Ångström films",
        "notes": ["first light", "beam stop"],
        "name": "MX-2016",
        "code": "10.5072/ABC",
        "labels": ["Iron", "oxide"],
        "type": 1,
        "people": [1, 2],
        "investigation": 7,
        "when": 0,
        "size": 100,
        "numbers": {"3": 1.5},
        "strings": {"3": "Iron Oxide"},
        "moments": {"3": 10 * DAY},
    },
    {
        "id": 2,
        "title": "As in No solution",
        "name": "mx-2017 (rerun)",
        "code": "10.5072/abd",
        "labels": ["iron"],
        "type": 1,
        "people": [2],
        "investigation": 207,
        "when": 31 * DAY,
        "size": 5,
        "numbers": {"3": 2, "5": 1.5},
        "strings": {"5": "Iron Oxide"},
        "path": ["/data/id21/raw/scan_0001.nxs"],
    },
    {
        "id": 3,
        "title": "Iron iron iron",
        "type": 2,
        "investigation": 350,
        "when": 366 * DAY,
        "path": ["C:\\data\\ID21\\scan_0002.nxs", "/data/raw"],
    },
    {"id": 4, "title": "", "investigation": 8, "name": "C60", "labels": []},
)


def encoded(every: Documents) -> list[bytes]:
    return [orjson.dumps(dict(each)) for each in every]


async def filled(engine: Engine, every: Mapping[str, Documents], position: int = 1) -> None:
    """A new index of these documents and no others."""
    rebuild = await engine.rebuild(list(TYPES))
    for entity, of_entity in every.items():
        for each in of_entity:
            await rebuild.put(entity, rebuild.shard_of(entity, each["investigation"]), encoded([each]))
    await rebuild.commit("all")
    await rebuild.switch(position)


async def found(engine: Engine, predicate: Predicate, entity: str = "Study") -> list[int]:
    answer = await engine.ask(Question(entity, predicate, sort=Sort("id"), limit=100))
    assert answer.counted.hits == len(answer.hits)
    return [hit.id for hit in answer.hits]


async def every_page(engine: Engine, question: Question) -> list[Hit]:
    """All hits, page by page."""
    hits: list[Hit] = []
    while True:
        page = (await engine.ask(replace(question, facets=()))).hits
        hits += page
        if len(page) < question.limit:
            return hits
        last = page[-1]
        after = last.score if question.sort.field is None else last.sort_value
        question = replace(question, after=(after, last.id))


class EngineContract:
    """A class of its own for each engine; its tests share one index."""

    @pytest.fixture
    async def studies(self, engine: Engine) -> Engine:
        await filled(engine, {"Study": STUDIES, "File": STUDIES})
        return engine

    @settings(
        max_examples=examples(8),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )
    @given(
        every=documents,
        asked=st.lists(questions, min_size=12, max_size=12),
        predicates=st.lists(leaves, min_size=20, max_size=20),
    )
    async def test_questions_are_answered_as_plain_python_answers_them(
        self,
        filled_engine: Engine,
        every: Sequence[dict[str, Any]],
        asked: Sequence[Question],
        predicates: Sequence[Predicate],
    ) -> None:
        writing = await filled_engine.writing()
        for entity in TYPES:
            await writing.remove(entity, range(1, 61))
            await writing.put(entity, encoded(every))
        await writing.commit(1)
        await writing.close()
        for question in asked:
            await self._compare(filled_engine, Evaluation(TYPES[question.entity], every), question)
        for predicate in predicates:
            question = Question("File", predicate, sort=Sort("id"))
            expected = [id_ for id_, _ in Evaluation(TYPES["File"], every).sorted(question)]
            assert await found(filled_engine, predicate, "File") == expected, predicate

    async def _compare(self, engine: Engine, evaluation: Evaluation, question: Question) -> None:
        answer = await engine.ask(question)
        expected = evaluation.sorted(question)
        hits = await every_page(engine, question)
        if answer.candidates:
            assert {hit.id for hit in hits} >= {id_ for id_, _ in expected}, question
            return
        up_to = question.count_up_to
        counted = len(expected) if up_to is None else min(len(expected), up_to)
        assert answer.counted.hits == counted, question
        assert answer.counted.more == (len(expected) > counted), question
        if question.sort.field is None:
            assert sorted(hit.id for hit in hits) == [id_ for id_, _ in expected], question
            assert hits == sorted(hits, key=lambda hit: (-(hit.score or 0), hit.id)), question
        else:
            assert [(hit.id, hit.sort_value) for hit in hits] == expected, question
        assert list(answer.hits) == hits[: question.limit], question
        for facet in question.facets:
            assert answer.facets[facet.name] == evaluation.facet(question, facet.name, facet.count), (facet, question)

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            (Everything(), [1, 2, 3, 4]),
            (Nothing(), []),
            (AllOf(()), [1, 2, 3, 4]),
            (AnyOf(()), []),
            (Word("title", "fe2o3"), [1]),
            (Word("title", "angstrom"), [1]),
            (Word("title", "fe"), []),
            (Word("title", "as"), [2]),
            (Word("title", "no"), [2]),
            (Word("path", "scan"), [2, 3]),
            (Word("strings", "oxide", key=3), [1]),
            (Word("strings", "oxide"), [1, 2]),
            (Phrase("title", ("as", "in")), [2]),
            (Phrase("title", ("in", "as")), []),
            (Phrase("title", ("oxidation", "films")), []),
            (Phrase("title", ("oxidation", "films"), apart=4), [1]),
            (Phrase("notes", ("light", "beam")), []),
            (Phrase("strings", ("iron", "oxide"), key=5), [2]),
            (WordLike("title", "fe?o*"), [1]),
            (WordLike("strings", "ox*", key=5), [2]),
            (Similar("title", "iorn"), [3]),
            (Similar("title", "oxydatoin", 2), [1]),
            (Same("name", "mx-2017 (RERUN)"), [2]),
            (Same("name", "mx-2017"), []),
            (Same("code", "10.5072/abc"), [1]),
            (Same("strings", "iron oxide", key=3), [1]),
            (Begins("name", "MX-201"), [1, 2]),
            (Begins("code", "10.5072/ab"), [1, 2]),
            (Contains("name", "-2017 (r"), [2]),
            (Contains("path", "can_000"), [2, 3]),
            (Contains("path", "21/raw"), []),
            (Contains("strings", "n ox", key=3), [1]),
            (Path("path", ("data", "id21")), [2, 3]),
            (Path("path", ("id21", "scan_*")), [3]),
            (Path("path", ("data", "*", "scan_*")), [3]),
            (Path("path", ("data",), Anchor.START), [2, 3]),
            (Path("path", ("c:",), Anchor.START), [3]),
            (Path("path", ("raw",), Anchor.END), [3]),
            (Path("path", ("data", "raw"), Anchor.WHOLE), [3]),
            (Path("path", ("raw", "*"), Anchor.END), [2]),
            (OneOf("people", [2, 99]), [1, 2]),
            (OneOf("id", range(2, 100_000)), [2, 3, 4]),
            (Between("size", 5, 100, includes_low=False), [1]),
            (Between("size", None, 99.5), [2]),
            (Between("when", 1, None), [2, 3]),
            (Between("numbers", 1.5, 2, key=3), [1, 2]),
            (Between("numbers", 1.5, 2, includes_low=False, key=3), [2]),
            (Between("numbers", 2, None, key=5), []),
            (Between("moments", None, 10 * DAY, key=3), [1]),
            (Has("name"), [1, 2, 4]),
            (Has("title"), [1, 2, 3]),
            (Has("labels"), [1, 2]),
            (Has("numbers", 5), [2]),
            (Has("strings"), [1, 2]),
            (Not(Has("name")), [3]),
            (Not(Contains("name", "2017")), [1, 3, 4]),
            (Unranked(Word("title", "as")), [2]),
            (AnyOf((Word("title", "as"), Word("name", "2017"), Word("title", "iron")), least=2), [2]),
        ],
        ids=repr,
    )
    async def test_what_a_predicate_finds(self, studies_once: Engine, asked: Predicate, expected: list[int]) -> None:
        assert await found(studies_once, asked) == expected
        assert await found(studies_once, asked, "File") == expected

    @pytest.mark.parametrize(
        "asked",
        [
            Word("nothing", "a"),
            Word("type", "a"),
            Same("title", "a"),
            Contains("title", "a"),
            Path("name", ("a",)),
            OneOf("name", [1]),
            Between("title", 1, 2),
            Between("numbers", 1, 2),
        ],
        ids=repr,
    )
    async def test_a_field_that_is_not_there_or_of_another_kind_is_told(
        self, studies_once: Engine, asked: Predicate
    ) -> None:
        with pytest.raises(BadParameter):
            await studies_once.ask(Question("Study", asked))

    async def test_what_matches_better_comes_first_and_weights_count(self, studies_once: Engine) -> None:
        often = await studies_once.ask(Question("Study", AnyOf((Word("title", "iron"), Word("title", "films")))))
        assert {hit.id for hit in often.hits} == {1, 3}
        for weight, first in ((100.0, 1), (0.01, 3)):
            match = AnyOf((Word("title", "iron"), Weighted(Word("title", "films"), weight)))
            answer = await studies_once.ask(Question("Study", match))
            assert answer.hits[0].id == first

    async def test_missing_values_come_last_in_either_direction(self, studies_once: Engine) -> None:
        for descending, expected in ((False, [2, 1, 3, 4]), (True, [1, 2, 3, 4])):
            question = Question("Study", sort=Sort("size", descending), limit=1)
            assert [hit.id for hit in await every_page(studies_once, question)] == expected
        question = Question("Study", sort=Sort("name", descending=True), limit=1)
        hits = await every_page(studies_once, question)
        assert [hit.sort_value for hit in hits] == ["mx-2017 (rerun)", "mx-2016", "c60", None]

    async def test_hits_are_sorted_by_several_fields(self, engine: Engine) -> None:
        random = Random(3)

        def one(id_: int) -> dict[str, Any]:
            some = {
                "type": random.choice((1, 2, None)),
                "name": random.choice(("a", "b", None)),
                "title": random.choice(("An *iron* rod", "zinc", None)),
                "size": random.randrange(3),
            }
            return {"id": id_, "investigation": id_ * 70, **{name: each for name, each in some.items() if each}}

        every = [one(id_) for id_ in range(1, 60)]
        await filled(engine, {"File": every})
        for keys in (("type", "name"), ("name", "type", "size"), ("title", "size"), ("size", "title", "name", "type")):
            for directions in range(4):
                sort: Sort | None = None
                for at, key in reversed(list(enumerate(keys))):
                    sort = Sort(key, bool(directions >> at % 2 & 1), sort)
                question = Question("File", sort=sort or Sort(), limit=random.choice((1, 2, 7, 20)))
                hits = [(hit.id, hit.sort_value) for hit in await every_page(engine, question)]
                assert hits == Evaluation(TYPES["File"], every).sorted(question), question

    async def test_what_hits_cannot_be_sorted_by_is_refused(self, studies_once: Engine) -> None:
        for sort in (Sort("notes"), Sort("labels"), Sort("name", then=Sort("id")), Sort(None, then=Sort("name"))):
            with pytest.raises(BadParameter):
                await studies_once.ask(Question("Study", sort=sort))

    async def test_pages_go_on_after_a_value_that_reads_like_syntax(self, engine: Engine) -> None:
        names = ["*", "-1", "TO", '"', "(a", "[b TO c]", "{", "a b", "a*", "`"]
        every = [{"id": id_, "investigation": id_ * 90, "name": name} for id_, name in enumerate(names, 1)]
        await filled(engine, {"File": every})
        for descending in (False, True):
            question = Question("File", sort=Sort("name", descending), limit=1)
            hits = [(hit.id, hit.sort_value) for hit in await every_page(engine, question)]
            assert hits == Evaluation(TYPES["File"], every).sorted(question)

    async def test_a_facet_is_counted_without_the_filter_of_its_name(self, studies_once: Engine) -> None:
        question = Question(
            "Study",
            filters={"type": OneOf("type", [2]), "when": Has("when")},
            facets=(Facet("type", Terms("type")), Facet("label", Terms("labels"))),
        )
        answer = await studies_once.ask(question)
        assert [hit.id for hit in answer.hits] == [3]
        assert answer.facets == {"type": (Bucket(1, 2), Bucket(2, 1)), "label": ()}

    async def test_what_may_not_be_seen_is_in_no_count(self, studies_once: Engine) -> None:
        facets = (Facet("label", Terms("labels")), Facet("size", Ranges("size", (Range("any", None, None),))))
        seen = await studies_once.ask(Question("Study", facets=facets))
        assert seen.facets == {"label": (Bucket("iron", 2), Bucket("oxide", 1)), "size": (Bucket("any", 2),)}
        less = await studies_once.ask(Question("Study", allowed=OneOf("investigation", [207]), facets=facets))
        assert less.counted.hits == 1
        assert less.facets == {"label": (Bucket("iron", 1),), "size": (Bucket("any", 1),)}

    async def test_dates_and_parameters_are_counted_in_columns(self, studies_once: Engine) -> None:
        facets = (
            Facet("year", Histogram("when", Interval.YEAR)),
            Facet("month", Histogram("when", Interval.MONTH)),
            Facet("value", Histogram("numbers", 0.5, key=3)),
            Facet("range", Ranges("numbers", (Range("low", None, 2), Range("high", 2, None)), key=3)),
            Facet("nothing", Histogram("numbers", 0.5, key=99)),
        )
        answer = await studies_once.ask(Question("Study", facets=facets))
        assert answer.facets == {
            "year": (Bucket(0, 2), Bucket(365 * DAY, 1)),
            "month": (Bucket(0, 1), Bucket(31 * DAY, 1), Bucket(365 * DAY, 1)),
            "value": (Bucket(1.5, 1), Bucket(2.0, 1)),
            "range": (Bucket("low", 1), Bucket("high", 1)),
            "nothing": (),
        }

    async def test_words_are_suggested_by_how_many_documents_have_them(self, engine: Engine) -> None:
        every = [
            {"id": 1, "title": "iron irons", "investigation": 1, "name": "Iridium"},
            {"id": 2, "title": "Iron", "investigation": 150},
            {"id": 3, "title": "Ironing", "investigation": 1},
        ]
        await filled(engine, {"Study": every, "File": every})
        for entity in TYPES:
            fields = ["title", "name"]
            suggested = await engine.suggest(entity, fields, "ir", Everything(), 10)
            assert suggested == ["iron", "iridium", "ironing", "irons"]
            assert await engine.suggest(entity, fields, "ir", OneOf("investigation", [1]), 2) == ["iridium", "iron"]
            assert await engine.suggest(entity, fields, "x", Everything(), 10) == []

    async def test_similar_documents_share_words_and_may_be_seen(self, engine: Engine) -> None:
        every = [
            {"id": 1, "title": "oxidation of iron films", "investigation": 1},
            {"id": 2, "title": "iron films under oxidation", "investigation": 1},
            {"id": 3, "title": "protein crystals", "investigation": 1},
            {"id": 4, "title": "films", "investigation": 2},
        ]
        await filled(engine, {"Study": every})
        assert await engine.similar("Study", 1, Everything(), 10) == [2, 4]
        assert await engine.similar("Study", 1, OneOf("investigation", [2]), 10) == [4]
        assert await engine.similar("Study", 3, Everything(), 10) == []
        assert await engine.similar("Study", 99, Everything(), 10) == []

    async def test_ids_come_in_order_and_within_bounds(self, studies_once: Engine) -> None:
        for entity in TYPES:
            pieces = [list(piece) async for piece in studies_once.ids(entity, 2, 4)]
            assert [id_ for piece in pieces for id_ in piece] == [2, 3]

    async def test_amounts_come_with_their_ids_and_none_where_there_is_none(self, studies_once: Engine) -> None:
        for entity in TYPES:
            pieces = [list(piece) async for piece in studies_once.amounts(entity, "size", 0, 1 << 62)]
            assert [each for piece in pieces for each in piece] == [(1, 100), (2, 5), (3, None), (4, None)]
        with pytest.raises(BadParameter, match="title of Study cannot be asked"):
            [piece async for piece in studies_once.amounts("Study", "title", 0, 9)]

    async def test_it_tells_what_it_holds(self, studies_once: Engine) -> None:
        held = {each.entity: each for each in await studies_once.holdings()}
        assert {entity: each.documents for entity, each in held.items()} == dict.fromkeys(TYPES, len(STUDIES))
        assert all(each.size_bytes > 0 for each in held.values())
        assert len({each.generation for each in held.values()}) == 1
        free = await studies_once.free_bytes()
        assert free is None or free > 0

    async def test_what_is_written_is_found_after_the_commit_and_not_before(self, studies: Engine) -> None:
        writing = await studies.writing()
        moved = {"id": 2, "title": "Gold", "investigation": 1}
        for entity in TYPES:
            await writing.put(entity, encoded([moved, {"id": 9, "title": "gold", "investigation": 350}]))
            await writing.remove(entity, [3, 77])
        assert await found(studies, Word("title", "gold")) == []
        assert await studies.position() == 1
        await writing.commit(5)
        await writing.close()
        for entity in TYPES:
            assert await found(studies, Everything(), entity) == [1, 2, 4, 9]
            assert await found(studies, Word("title", "gold"), entity) == [2, 9]
        assert await studies.position() == 5

    async def test_the_last_of_several_documents_of_one_id_stays(self, studies: Engine) -> None:
        writing = await studies.writing()
        for entity in TYPES:
            await writing.put(
                entity,
                encoded([{"id": 2, "title": f"t{number}", "investigation": number * 100} for number in range(3)]),
            )
        await writing.commit(2)
        await writing.close()
        for entity in TYPES:
            assert await found(studies, OneOf("id", [2]), entity) == [2]
            assert await found(studies, Word("title", "t2"), entity) == [2]

    async def test_a_document_of_another_form_is_refused_and_changes_nothing(self, studies: Engine) -> None:
        writing = await studies.writing()
        for wrong in ({"id": 9, "investigation": 1, "colour": "red"}, {"id": 9, "investigation": 1, "size": "large"}):
            with pytest.raises(Exception, match=r"colour|size"):
                await writing.put("Study", encoded([wrong]))
                await writing.commit(2)
        await writing.close()
        assert await found(studies, Everything()) == [1, 2, 3, 4]
        assert await studies.position() == 1

    async def test_a_rebuild_is_gone_on_with_and_asked_at_once_when_it_is_complete(self, studies: Engine) -> None:
        rebuild = await studies.rebuild(list(TYPES))
        await rebuild.put("Study", 0, encoded([{"id": 11, "investigation": 1}]))
        await rebuild.commit("Study 1/2")
        await rebuild.put("Study", 0, encoded([{"id": 12, "investigation": 1}]))
        await rebuild.close()
        assert await found(studies, Everything()) == [1, 2, 3, 4]

        again = await studies.rebuild(list(TYPES))
        assert await again.done() == ["Study 1/2"]
        await again.put("Study", 0, encoded([{"id": 12, "investigation": 1}]))
        await again.commit("Study 2/2")
        assert sorted(await again.done()) == ["Study 1/2", "Study 2/2"]
        await again.switch(40)
        assert await found(studies, Everything()) == [11, 12]
        assert await found(studies, Everything(), "File") == []
        assert await studies.position() == 40

    async def test_a_rebuild_of_one_entity_leaves_the_others(self, studies: Engine) -> None:
        rebuild = await studies.rebuild(["Study"])
        await rebuild.put("Study", 0, encoded([{"id": 11, "investigation": 1}]))
        await rebuild.commit("all")
        await rebuild.switch(1)
        assert await found(studies, Everything()) == [11]
        assert await found(studies, Everything(), "File") == [1, 2, 3, 4]

    async def test_an_abandoned_rebuild_leaves_nothing(self, studies: Engine) -> None:
        rebuild = await studies.rebuild(list(TYPES))
        await rebuild.put("Study", 0, encoded([{"id": 11, "investigation": 1}]))
        await rebuild.commit("all")
        await rebuild.abandon()
        again = await studies.rebuild(list(TYPES))
        assert await again.done() == []
        await again.abandon()
        assert await found(studies, Everything()) == [1, 2, 3, 4]

    async def test_a_writer_of_an_index_that_was_replaced_cannot_commit(self, studies: Engine) -> None:
        writing = await studies.writing()
        await writing.put("Study", encoded([{"id": 9, "investigation": 1}]))
        rebuild = await studies.rebuild(list(TYPES))
        await rebuild.put("Study", 0, encoded([{"id": 11, "investigation": 1}]))
        await rebuild.commit("all")
        await rebuild.switch(3)
        with pytest.raises(Unavailable, match="open the writer anew"):
            await writing.commit(4)
        await writing.close()
        assert await found(studies, Everything()) == [11]
        assert await studies.position() == 3

    async def test_without_an_index_nothing_can_be_asked_or_written(self, empty_engine: Engine) -> None:
        assert await empty_engine.position() is None
        with pytest.raises(Unavailable):
            await empty_engine.ask(Question("Study"))
        with pytest.raises(Unavailable):
            await empty_engine.writing()
