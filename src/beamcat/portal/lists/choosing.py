"""The fields that filter a list, and what there is to choose in them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from beamcat.access.caller import Caller
from beamcat.catalogue.summaries import Group, Span
from beamcat.portal import reading
from beamcat.portal.lists.asked import Asked
from beamcat.portal.lists.declaring import Column, Kind, Option
from beamcat.portal.lists.filters import conditions_of
from beamcat.portal.lists.paging import question_of
from beamcat.portal.lists.showing import Choice, Filter, hows_of, label_of
from beamcat.portal.page import Asking

MOST_CHOICES = 200
FACET_CHOICES = 30


async def filters_of(asking: Asking, asked: Asked, reader: Caller, *, counted: bool) -> list[Filter]:
    """The fields of all columns that can be filtered by; `counted`: with how many rows each choice has."""
    columns = [column for column in asked.list.columns if column.filterable and column.key not in asked.within.without]
    return list(await asyncio.gather(*(_field(asking, asked, reader, column, counted=counted) for column in columns)))


async def _field(asking: Asking, asked: Asked, reader: Caller, column: Column, *, counted: bool) -> Filter:
    state, key = asked.state, column.key
    wrong = asked.wrong.get(key, "")
    how = state.hows.get(key, "has")
    choices: Sequence[Choice] = ()
    if column.kind is Kind.CHOICE:
        choices = await (_counted if counted else _choices)(asking, asked, reader, column)
    return Filter(
        key,
        column.kind.value,
        label_of(asking, asked.list, column),
        text=state.texts.get(key, ""),
        how=how,
        hows=hows_of(asking, how) if column.kind is Kind.TEXT else (),
        low=state.lows.get(key, ""),
        high=state.highs.get(key, ""),
        choices=tuple(choices),
        wrong=asking.visitor.words(wrong) if wrong else "",
        counted=counted,
    )


async def _choices(asking: Asking, asked: Asked, reader: Caller, column: Column) -> list[Choice]:
    """What may be chosen, and what has been."""
    chosen = asked.state.chosen.get(column.key, ())
    options = list(column.options)
    if column.asked_options:
        rows = await reading.rows(asking, f"{column.asked_options} LIMIT 0, {MOST_CHOICES}", reader)
        options += [Option(str(row[0])) for row in rows if row[0] is not None]
    known = {option.value for option in options}
    options += [Option(value) for value in chosen if value not in known]
    return [Choice(option.value, _text(asking, option), option.value in chosen) for option in options]


async def _counted(asking: Asking, asked: Asked, reader: Caller, column: Column) -> list[Choice]:
    """What may be chosen, and how many rows of the list, filtered by everything else, have it."""
    chosen = asked.state.chosen.get(column.key, ())
    conditions, _ = conditions_of(asked.list, asked.state.without(column.key), asking.formatting.zone)
    summaries, at_most = asking.core.summaries, asking.core.settings.portal.count_at_most
    if column.years:
        question = question_of(asked.list, asked.within, (), conditions)
        query, zone = question.select(column.years, ordered=False), asking.core.settings.portal.time_zone
        groups = await summaries.by_time(reader, query, at_most, Span.YEAR, zone)
        return [Choice(group.value, group.value, group.value in chosen, group.number) for group in groups]
    if column.path:
        question = question_of(asked.list, asked.within, (), conditions)
        joins = column.facet or (f" {column.joins}" if column.joins else "")
        query = question.select(
            f"{column.path}, it.id", ordered=False, joins="" if joins.strip() in question.joins else joins
        )
        groups = await summaries.tally(reader, query, at_most, FACET_CHOICES)
        found = {group.value for group in groups}
        groups += [Group(value, 0) for value in chosen if value not in found]
        by_value = {option.value: option for option in column.options}
        return [
            Choice(
                group.value,
                _text(asking, by_value.get(group.value, Option(group.value))),
                group.value in chosen,
                group.number,
            )
            for group in groups
        ]

    async def number_of(option: Option) -> Choice:
        question = question_of(asked.list, asked.within, (), [*conditions, f"({option.condition})"])
        counted = await summaries.count(reader, question.select("it.id, it.id", ordered=False), at_most)
        return Choice(option.value, _text(asking, option), option.value in chosen, counted.number)

    found_options = await asyncio.gather(*(number_of(option) for option in column.options))
    return [choice for choice in found_options if choice.number or choice.chosen]


def _text(asking: Asking, option: Option) -> str:
    return asking.visitor.words(option.word) if option.word else option.value
