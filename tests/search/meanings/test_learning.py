"""A model learned from a few dozen texts puts texts of one field of science together."""

from __future__ import annotations

import numpy as np
import pytest

from beamcat.search.meanings.learned import LearnedModel
from beamcat.search.meanings.learning import Lesson
from tests.search.meanings.science import BATTERIES, FIELDS, TEXTS

FIELD_OF = [field for field, texts in FIELDS.items() for _ in texts]


@pytest.fixture(scope="module")
def model() -> LearnedModel:
    lesson = Lesson()
    lesson.add(TEXTS)
    learned = lesson.learn()
    assert learned is not None
    return learned


def closest(model: LearnedModel, text: str, most: int) -> list[str]:
    (place,) = model.places([text])
    closeness = model.places(TEXTS) @ place
    return [FIELD_OF[number] for number in np.argsort(-closeness)[:most]]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("photovoltaic devices", "solar cells"),
        ("energy storage with an electrode", "batteries"),
        ("drugs that bind enzymes", "proteins"),
        ("palaeontology", "fossils"),
        ("chemical reactions on noble metal nanoparticles", "catalysts"),
        ("frustrated moments", "magnets"),
    ],
)
def test_a_question_finds_its_field_whatever_words_the_texts_have(model: LearnedModel, text: str, field: str) -> None:
    assert closest(model, text, 5) == [field] * 5


def test_a_text_is_found_that_has_none_of_the_words(model: LearnedModel) -> None:
    without = [text for text in BATTERIES if "cathode" not in text.lower()]
    (place,) = model.places(["cathode"])
    assert sum(model.places(without) @ place > model.far) >= 3


def test_elements_and_techniques_are_known_by_all_of_their_names(model: LearnedModel) -> None:
    np.testing.assert_array_equal(*model.places(["Pt", "platinum"]))
    np.testing.assert_array_equal(*model.places(["EXAFS", "extended x-ray absorption fine structure"]))


def test_words_that_were_never_met_say_nothing_and_are_told(model: LearnedModel) -> None:
    assert not model.places(["weather forecast"]).any()
    assert model.unknown("The weather of a lithium cell, 2024") == ("weather", "2024")


def test_places_have_the_length_1_and_are_the_same_in_any_company(model: LearnedModel) -> None:
    together = model.places(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(together[:1], model.places(TEXTS[:1]))


def test_a_model_that_was_written_is_the_same_when_it_is_read(model: LearnedModel) -> None:
    again = LearnedModel.read(model.written())
    assert again.name == model.name
    np.testing.assert_allclose(again.places(TEXTS), model.places(TEXTS), atol=2e-3)
    assert LearnedModel.read(again.written()).name == model.name


def test_nothing_is_learned_from_too_little() -> None:
    few = Lesson()
    few.add(TEXTS[:20])
    assert few.learn() is None
    alike = Lesson()
    alike.add(["one word"] * 100)
    assert alike.learn() is None


def test_who_learns_rests_in_between() -> None:
    rests: list[int] = []
    lesson = Lesson()
    lesson.add(TEXTS)
    lesson.learn(lambda: rests.append(1))
    assert rests
