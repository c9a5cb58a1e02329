"""The sentence model: the places its makers' own program gives, and better answers than words and a learned model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from beamcat.config import EmbeddedSearchSettings, Settings
from beamcat.database.pool import Database
from beamcat.search.documents import DOCUMENTS
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.meanings.asking import Meanings
from beamcat.search.meanings.encoder import Encoder, Form, read_weights
from beamcat.search.meanings.keeping import Keeper
from beamcat.search.meanings.learning import Lesson
from beamcat.search.meanings.model import CannotUseModel, Model, plugin_model
from beamcat.search.meanings.models import Models
from beamcat.search.meanings.wordpieces import WordPieces, cut_words
from beamcat.search.service import Search
from beamcat.search.wanted import Wanted
from tests.catalogue.site import ROOT
from tests.search.meanings.conftest import QUICK, Facility
from tests.search.meanings.questions import IN_OTHER_WORDS, IN_THE_SAME_WORDS, MOST, Asks, goodness
from tests.search.meanings.science import TEXTS
from tests.search.meanings.weights import WORDS, installed, packed, small_model
from tests.search.service.facility import indexed

if TYPE_CHECKING:
    from beamcat.search.meanings.sentences import SentenceModel

AS_PUBLISHED = {
    0: (0.04559732, 0.05594938, -0.03583957, 0.0009419, 0.0588482, -0.03973617),
    20: (0.02756137, -0.04792014, -0.04436655, -0.04895293, 0.00339374, -0.05448502),
}
"""Texts by their numbers, and how their places begin according to the package sentence-transformers 5.1."""


@pytest.fixture(scope="module")
def there() -> Iterator[None]:
    with installed():
        yield


@pytest.fixture(scope="module")
def model(there: None) -> SentenceModel:
    from beamcat.search.meanings.sentences import open_model

    return open_model({})


def test_words_are_cut_as_bert_cuts_them() -> None:
    assert cut_words("Fe\u0301lix\u00a0at 20\u00b0C,\t(\u0130n situ)\x00\u200b \u4e2d\u6587") == [
        "felix", "at", "20\u00b0c", ",", "(", "in", "situ", ")", "\u4e2d", "\u6587",
    ]  # fmt: skip
    pieces = WordPieces(WORDS)
    assert pieces.of("Irons. Bones, fossilss", 20) == [2, 4, 6, 8, 5, 6, 1, 7, 6, 6, 3]
    assert pieces.of("iron bone iron bone", 4) == [2, 4, 5, 3]
    assert pieces.unknown("Iron weather, bones, weather " + "s" * 101) == ("weather", ",", "s" * 101)


def test_a_vocabulary_without_what_every_text_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has no \[CLS\], \[SEP\]"):
        WordPieces(["[UNK]", "iron"])


def test_places_are_those_that_are_published(model: SentenceModel) -> None:
    places = model.places([TEXTS[number] for number in AS_PUBLISHED])
    for place, begins in zip(places, AS_PUBLISHED.values(), strict=True):
        np.testing.assert_allclose(place[: len(begins)], begins, atol=1e-5)
    assert (model.size, model.name) == (384, "sentences-53aa51172d142c89d901-256")


def test_a_place_has_the_length_1_and_is_the_same_in_any_company(model: SentenceModel) -> None:
    some = ["palaeontology", *TEXTS[:6], " ".join(TEXTS[:12]), ""]
    together = model.places(some)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), [1] * 8 + [0], atol=1e-5)
    np.testing.assert_allclose(together, np.concatenate([model.places([text]) for text in some]), atol=1e-5)


def test_a_text_that_is_too_long_is_cut_and_one_that_says_nothing_is_nowhere(model: SentenceModel) -> None:
    long = "bone " * 254
    np.testing.assert_array_equal(model.places([long]), model.places([long + "lithium cathode"]))
    assert not model.places(["", " \n"]).any()
    assert model.unknown("a bone of Smilodon \u2603") == ("\u2603",)


def test_models_of_the_same_kind_come_from_a_folder(there: None, tmp_path: Path) -> None:
    model = plugin_model_of(small_model(tmp_path / "small"), far=0.5, longest=8)
    assert (model.size, model.far) == (8, 0.5)
    assert model.name.startswith("sentences-")
    assert model.unknown("bones of iron") == ("of",)
    assert model.places(["bone", "iron bones"]).shape == (2, 8)


def test_what_cannot_be_used_says_why(there: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from beamcat.search.meanings import sentences

    with pytest.raises(CannotUseModel, match="there is no option speed; there are far, folder, longest, threads"):
        sentences.open_model({"speed": 2})
    with pytest.raises(CannotUseModel, match="far is from 0 to 1"):
        plugin_model_of(tmp_path, far=2)
    with pytest.raises(CannotUseModel, match="No such file"):
        plugin_model_of(tmp_path / "nowhere")
    other = small_model(tmp_path / "other", hidden_act="relu")
    with pytest.raises(CannotUseModel, match="but bert, relu, absolute"):
        plugin_model_of(other)
    (other / "1_Pooling" / "config.json").write_text("{}")
    with pytest.raises(CannotUseModel, match="the mean over its pieces"):
        plugin_model_of(other)
    monkeypatch.setattr(sentences, "_installed", lambda: small_model(tmp_path / "forged"))
    with pytest.raises(CannotUseModel, match=r"is not what the Sentence Transformers publish"):
        sentences.open_model({})
    monkeypatch.undo()
    monkeypatch.setattr(sentences, "PACKAGE", "gt-no-such-package")
    with pytest.raises(CannotUseModel, match=r"its files are not installed\. Install what it needs"):
        sentences.open_model({})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no file of weights|empty"),
        (b"\xff" * 8 + b"{}", "is no file of weights"),
        (packed({"x": np.zeros(4, dtype=np.float32)})[:-1], "ends before x"),
        (packed({"x": np.zeros(4, dtype=np.float32)}).replace(b"F32", b"F16"), "of the type F16"),
    ],
)
def test_weights_that_are_none_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_weights(tmp_path / "weights")


def test_weights_of_another_form_are_refused(tmp_path: Path) -> None:
    small_model(tmp_path / "small")
    weights = read_weights(tmp_path / "small" / "model.safetensors")
    form = Form.of(json.loads((tmp_path / "small" / "config.json").read_text()) | {"num_hidden_layers": 3})
    with pytest.raises(ValueError, match=r"the weights have no encoder\.layer\.2\.output"):
        Encoder(form, weights)


@pytest.fixture
async def words(facility: Facility, tmp_path: Path) -> AsyncIterator[Search]:
    """The search for words, in an index of the same texts."""
    small = EmbeddedSearchSettings(shards=1, heap_mebibytes=16, build_heap_mebibytes=16)
    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
    engine = EmbeddedSearch(types, tmp_path / "search", small, 60)
    await indexed(facility.site, engine)
    yield Search(Settings(), facility.site.database, facility.site.rulebooks, engine)
    await engine.close()


async def test_it_finds_what_is_meant_more_often_than_words_and_a_learned_model(
    facility: Facility, model: SentenceModel, words: Search, database: Database
) -> None:
    """The numbers are those of docs/developers/search.md."""
    numbers = {id_: number for number, id_ in enumerate(id_ for ids in facility.ids.values() for id_ in ids)}
    models = Models(database, model)
    assert await Keeper(database, facility.site.rulebooks, QUICK, models).look() is model
    meanings = Meanings(database, facility.site.rulebooks, QUICK, models, facility.home)

    async def by_sentences(question: str) -> list[int]:
        nearest = await meanings.by_meaning(ROOT, "Investigation", question, MOST)
        return [numbers[near.id] for near in nearest.found]

    async def by_words(question: str) -> list[int]:
        found = await words.find(ROOT, Wanted(question, ("Investigation",), limit=MOST))
        return [numbers[hit.id] for hit in found.hits]

    learned = learned_asks()
    told = {
        name: [round(await goodness(asks, questions), 2) for questions in (IN_OTHER_WORDS, IN_THE_SAME_WORDS)]
        for name, asks in (("sentences", by_sentences), ("learned", learned), ("words", by_words))
    }
    print(told)
    (other, same), (learned_other, learned_same), (words_other, words_same) = told.values()
    assert other >= 0.55
    assert same >= 0.95
    assert other > 2 * max(learned_other, words_other)
    assert same >= max(learned_same, words_same) - 0.05
    # what has nothing to do with any text is not found
    for question in ("quarterly tax return", "a recipe for apple pie", "weather forecast"):
        assert not await by_sentences(question)
    nearest = await meanings.by_meaning(ROOT, "Investigation", "prehistoric plumage", 3)
    assert nearest.found[0].text == "Feathers preserved in amber"
    assert nearest.unknown == ()
    like = await meanings.similar(ROOT, "Investigation", facility.ids["fossils"][0], 4)
    assert [facility.field(near.id) for near in like.found] == ["fossils"] * 4
    await meanings.close()


def learned_asks() -> Asks:
    """Questions to a model that was learned from the same texts."""
    lesson = Lesson()
    lesson.add(TEXTS)
    learned = lesson.learn()
    assert learned is not None
    places = learned.places(TEXTS)

    async def asks(question: str) -> list[int]:
        close = places @ learned.places([question])[0]
        return [int(number) for number in np.argsort(-close)[:MOST] if close[number] >= learned.far]

    return asks


def plugin_model_of(folder: Path, **options: object) -> Model:
    """As the settings would have it."""
    return plugin_model("sentences", {"folder": str(folder), **options})
