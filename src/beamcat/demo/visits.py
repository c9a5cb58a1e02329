"""The investigations of the example facility: who measured what, when, where, and when the data open."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from beamcat.demo.objects import Record, dice, instant, ref
from beamcat.demo.people import PI, RESEARCH_GROUPS, VISITOR, Person, instrument_scientists, team_name, visitors
from beamcat.demo.science import FIELDS, FUNDERS, QUESTIONS, Field, Material, fields_of
from beamcat.demo.vocabulary import (
    CYCLES,
    DAYS_UNTIL_RELEASE,
    DOI_PREFIX,
    FACILITY,
    INSTRUMENTS,
    UNITS,
    Cycle,
    InstrumentPlan,
    start_of,
)

PRINCIPAL_INVESTIGATOR = "Principal investigator"
CO_INVESTIGATOR = "Co-investigator"
LOCAL_CONTACT = "Local contact"

SLOTS_PER_CYCLE = 7
"""Most visits an instrument takes in one cycle."""

_SHIFT = timedelta(hours=8)
_FIRST_NUMBER = 1900

PI_LEADS = (("ML07", 4), ("ML11", 5), ("ML07", 2), ("ML07", 5), ("ML14", 4), ("ML19", 1))
PI_JOINS = (("ML05", 5), ("N05", 3))
VISITOR_JOINS = (("ML07", 4), ("ML11", 5), ("ML19", 1))
"""What the accounts take part in: instrument and place in its list. Some are open by now, most are not."""

_GIVEN = {*PI_LEADS, *PI_JOINS, *VISITOR_JOINS}

_TOLD = {("ML07", 4): (0, 0, 0, 0), ("ML11", 5): (0, 0, 2, 0), ("ML19", 1): (0, 1, 1, 1), ("ML07", 2): (0, 1, 0, 0)}
"""Field, material, condition and question of a few visits that belong together; the others are drawn."""


@dataclass(frozen=True, slots=True)
class DemoSample:
    """A sample of a visit, with the values of its parameters by name."""

    name: str
    material: Material
    values: dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a proposal is about."""

    title: str
    field: Field
    material: Material
    condition: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One investigation. `release` is when its data open; None for data that stay with their team."""

    proposal: str
    visit_id: str
    kind: str
    instrument: InstrumentPlan
    cycle: Cycle
    subject: Subject
    first: datetime
    last: datetime
    release: datetime | None
    members: tuple[tuple[Person, str], ...]
    groups: tuple[str, ...]
    samples: tuple[DemoSample, ...]
    place: tuple[str, int]

    def dice(self, *purpose: object) -> Random:
        """A generator for one purpose within this visit."""
        return dice("visit", *self.place, *purpose)

    def is_open(self, now: datetime) -> bool:
        """Whether anybody may read the data at `now`."""
        return self.release is not None and self.release <= now


def make_visits(scale: float = 1.0, instruments: Collection[str] | None = None) -> tuple[Visit, ...]:
    """All visits, or those of some instruments, oldest first.

    With a smaller `scale` every instrument has fewer, but one in each cycle at least.
    """
    plans = [plan for plan in INSTRUMENTS if instruments is None or plan.name in instruments]
    visits = [visit for plan in plans for visit in _visits_of(plan, scale)]
    return tuple(sorted(visits, key=lambda visit: (visit.first, visit.visit_id)))


def investigation_record(visit: Visit) -> Record:
    """The investigation with everything that belongs to it but its datasets."""
    record: Record = {
        "facility": ref("Facility", FACILITY),
        "type": ref("InvestigationType", visit.kind),
        "name": visit.proposal,
        "visitId": visit.visit_id,
        "title": visit.subject.title,
        "summary": _summary(visit),
        "startDate": instant(visit.first),
        "endDate": instant(visit.last),
        "investigationInstruments": [{"instrument": ref("Instrument", visit.instrument.name)}],
        "investigationFacilityCycles": [{"facilityCycle": ref("FacilityCycle", visit.cycle.name)}],
        "investigationUsers": [{"user": ref("User", p.login), "role": role} for p, role in visit.members],
        "investigationGroups": [{"grouping": ref("Grouping", group), "role": "member"} for group in visit.groups],
        "keywords": [{"name": word} for word in _keywords(visit)],
        "shifts": _shifts(visit),
        "samples": [_sample_record(sample) for sample in visit.samples],
        "parameters": _parameters(visit),
        "fundingReferences": _funding(visit),
        "publications": _papers(visit),
    }
    if visit.release is not None:
        record["releaseDate"] = instant(visit.release)
    if visit.kind != "industrial":
        record["doi"] = f"{DOI_PREFIX}.s{visit.visit_id.lower()}"
    return record


def sample_type_records() -> list[Record]:
    """One sample type for each material."""
    notes = {"green": "No particular hazard.", "yellow": "Gloves; keep the container closed.", "red": "Glove box only."}
    return [
        {"name": m.plural, "molecularFormula": m.formula, "safetyInformation": notes[m.safety]}
        for field in FIELDS
        for m in field.materials
    ]


def funding_records() -> list[Record]:
    """The grants."""
    return [
        {
            "funderName": funder,
            "awardNumber": number,
            "awardTitle": title,
            "acknowledgement": f"Supported by the {funder} under grant {number}.",
        }
        for funder, number, title, _ in FUNDERS
    ]


def parameter(name: str, value: float | str | tuple[float, float, float]) -> Record:
    """A value of the parameter type `name`: a number, text, a moment as text, or mean, lowest and highest."""
    record: Record = {"type": ref("ParameterType", name, UNITS[name])}
    if isinstance(value, tuple):
        record["numericValue"], record["rangeBottom"], record["rangeTop"] = value
    elif isinstance(value, str):
        is_moment = name in ("prepared", "report_received")
        record["dateTimeValue" if is_moment else "stringValue"] = value
    else:
        record["numericValue"] = value
    return record


def _visits_of(plan: InstrumentPlan, scale: float) -> list[Visit]:
    count = max(len(CYCLES), round(plan.investigations * scale))
    visits: list[Visit] = []
    for number in range(count):
        earlier = visits[number - len(CYCLES)] if number >= len(CYCLES) else None
        visits.append(_visit(plan, number, earlier))
    return visits


def _visit(plan: InstrumentPlan, number: int, earlier: Visit | None) -> Visit:
    """A visit in its slot; one in five continues the proposal of the slot before."""
    place = (plan.name, number)
    draw = dice("visit", *place)
    slot, cycle_number = divmod(number, len(CYCLES))
    cycle = CYCLES[cycle_number]
    told = place in _GIVEN
    if earlier is not None and draw.random() < 0.2 and not told and earlier.place not in _GIVEN:
        visit_number = int(earlier.visit_id.rsplit("-", 1)[1]) + 1
        proposal, kind, subject, members = earlier.proposal, earlier.kind, earlier.subject, earlier.members
    else:
        visit_number = 1
        kind = "experiment" if told else draw.choices(("experiment", "in-house", "industrial"), (86, 9, 5))[0]
        prefix = {"in-house": "IH", "industrial": "IN"}.get(kind, plan.prefix)
        proposal = f"{prefix}-{_FIRST_NUMBER + 100 * cycle_number + 12 * INSTRUMENTS.index(plan) + slot}"
        subject = _subject(plan, place, draw)
        members = _members(plan, place, kind, draw)
    spacing = ((cycle.last - cycle.first).days - 6) // SLOTS_PER_CYCLE
    first = start_of(cycle.first) + timedelta(days=1 + slot * spacing + draw.randint(0, 3), hours=6)
    last = first + draw.randint(3, 12) * _SHIFT
    return Visit(
        proposal=proposal,
        visit_id=f"{proposal}-{visit_number}",
        kind=kind,
        instrument=plan,
        cycle=cycle,
        subject=subject,
        first=first,
        last=last,
        release=None if kind == "industrial" else start_of(last.date()) + timedelta(days=DAYS_UNTIL_RELEASE),
        members=members,
        groups=_groups(plan, subject, kind, draw),
        samples=_samples(subject, first, draw),
        place=place,
    )


def _subject(plan: InstrumentPlan, place: tuple[str, int], draw: Random) -> Subject:
    fields, questions = fields_of(plan.name), QUESTIONS[plan.name]
    if place in _TOLD:
        field_at, material_at, condition_at, question_at = _TOLD[place]
        field, question = FIELDS[field_at], questions[question_at]
        material, condition = field.materials[material_at], field.conditions[condition_at]
    else:
        field, question = draw.choice(fields), draw.choice(questions)
        material, condition = draw.choice(field.materials), draw.choice(field.conditions)
    return Subject(f"{question} {material.plural} {condition}", field, material, condition)


def _members(plan: InstrumentPlan, place: tuple[str, int], kind: str, draw: Random) -> tuple[tuple[Person, str], ...]:
    team = instrument_scientists()[plan.name]
    contact = draw.choice(team)
    people = draw.sample(visitors(), draw.randint(3, 6))
    if kind == "in-house":
        people = [next((p for p in team if p != contact), contact), *people[:1]]
    if place in PI_LEADS:
        people[0] = PI
    if place in PI_JOINS:
        people[1] = PI
    if place in VISITOR_JOINS:
        people[2] = VISITOR
    leader, *others = people
    roles = [(leader, PRINCIPAL_INVESTIGATOR), *((person, CO_INVESTIGATOR) for person in others)]
    return (*roles, (contact, LOCAL_CONTACT))


def _groups(plan: InstrumentPlan, subject: Subject, kind: str, draw: Random) -> tuple[str, ...]:
    if kind == "in-house":
        return (team_name(plan.name),)
    shared = {"Energy storage": RESEARCH_GROUPS[0], "Cultural heritage": RESEARCH_GROUPS[1]}.get(subject.field.name)
    return (shared,) if shared is not None and kind == "experiment" and draw.random() < 0.4 else ()


def _samples(subject: Subject, first: datetime, draw: Random) -> tuple[DemoSample, ...]:
    samples = []
    for letter in "ABCDEF"[: draw.randint(2, 5)]:
        made = first - timedelta(days=draw.randint(2, 90), hours=draw.randint(0, 9))
        values: dict[str, float | str] = {"safety": subject.material.safety, "prepared": instant(made)}
        if subject.field.name in ("Structural biology", "Soft matter"):
            values |= {"concentration": round(draw.uniform(0.5, 40), 1), "ph": round(draw.uniform(4.5, 8.5), 1)}
        else:
            values |= {"mass": round(draw.uniform(0.8, 60), 1), "thickness": float(draw.randrange(20, 1500, 10))}
        samples.append(DemoSample(f"{subject.material.short}-{letter}", subject.material, values))
    return tuple(samples)


def _sample_record(sample: DemoSample) -> Record:
    return {
        "name": sample.name,
        "type": ref("SampleType", sample.material.plural, sample.material.formula),
        "parameters": [parameter(name, value) for name, value in sample.values.items()],
    }


def _summary(visit: Visit) -> str:
    subject, plan = visit.subject, visit.instrument
    names = ", ".join(sample.name for sample in visit.samples)
    return (
        f"{subject.field.why} We study {subject.material.plural} {subject.condition} at {plan.full_name}"
        f" ({plan.techniques[0]}, and {plan.techniques[1]} where it helps). Samples {names} were prepared from one"
        " batch, so that differences between them come from the treatment. Standards are measured at the start;"
        " processed data lie beside the raw data they were made from."
    )


def _keywords(visit: Visit) -> list[str]:
    field, draw = visit.subject.field, visit.dice("keywords")
    return [*draw.sample(field.keywords, 3), visit.instrument.techniques[0], visit.subject.material.plural]


def _shifts(visit: Visit) -> list[Record]:
    starts = [visit.first]
    while starts[-1] < visit.last:
        starts.append(starts[-1] + _SHIFT)
    shifts: list[Record] = [
        {
            "startDate": instant(begin),
            "endDate": instant(end),
            "instrument": ref("Instrument", visit.instrument.name),
        }
        for begin, end in pairwise(starts)
    ]
    draw = visit.dice("shifts")
    if draw.random() < 0.3:
        remark = ("Beam lost for 40 min", "Robot stopped once", "Injection every 5 min", "Detector server restarted")
        draw.choice(shifts)["comment"] = draw.choice(remark)
    return shifts


def _parameters(visit: Visit) -> list[Record]:
    draw = visit.dice("parameters")
    granted = (visit.last - visit.first) // _SHIFT
    parameters = [
        parameter("shifts_granted", float(granted)),
        parameter("shifts_requested", float(granted + draw.choice((0, 0, 3, 6)))),
        parameter("discipline", visit.subject.field.name),
    ]
    if visit.cycle is not CYCLES[-1]:
        parameters.append(parameter("report_received", instant(visit.last + timedelta(days=draw.randint(20, 100)))))
    return parameters


def _funding(visit: Visit) -> list[Record]:
    grants = [(name, number) for name, number, _, field in FUNDERS if field == visit.subject.field.name]
    return [
        {"funding": ref("FundingReference", *grant)} for grant in grants if visit.dice("funding", grant).random() < 0.6
    ]


def _papers(visit: Visit) -> list[Record]:
    """A paper about two years after one in three older experiments."""
    draw = visit.dice("papers")
    if visit.kind != "experiment" or visit.first.year > 2024 or draw.random() > 0.35:
        return []
    authors = "; ".join(f"{p.family}, {p.given[0]}." for p, role in visit.members if role != LOCAL_CONTACT)
    year = visit.first.year + draw.randint(1, 2)
    volume, page = year - 2014, draw.randint(101, 989)
    doi = f"10.5072/example.{volume}.{visit.visit_id.lower()}"
    reference = f"{authors} ({year}). {visit.subject.title}. Journal of Examples {volume}, {page}."
    return [{"fullReference": reference, "doi": doi, "url": f"https://doi.org/{doi}"}]
