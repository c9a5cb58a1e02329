"""The people of the example facility, none of whom exists, and the groups they are in.

Family names are words for light, rays and crystals in many languages; institutes and towns are invented.
The only ORCID is the one that ORCID itself uses for its fictitious example.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from beamcat.demo.objects import Record, dice, ref
from beamcat.demo.vocabulary import INSTRUMENTS

EXAMPLE_ORCID = "0000-0002-1825-0097"

STAFF = "staff"
CURATORS = "curators"
"""Names of groupings; every instrument has a team besides, and two research groups share experiments."""

RESEARCH_GROUPS = ("battery-hub", "heritage-network")

HOUSE = "Meridian Light Source"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a name, an institute, and the login that rules know."""

    login: str
    given: str
    family: str
    affiliation: str
    orcid: str | None = None
    email: str | None = None

    @property
    def full_name(self) -> str:
        """Given name, then family name."""
        return f"{self.given} {self.family}"


VISITOR = Person("db/visitor", "Vera", "Visitor", "Lakeside University", email="visitor@users.meridian.example")
PI = Person(
    "db/pi", "Piotr", "Promień", "Institute of Materials, Nordhafen", EXAMPLE_ORCID, "pi@users.meridian.example"
)
STAFF_SCIENTIST = Person("db/staff", "Stella", "Strahl", HOUSE, email="staff@meridian.example")
CURATOR = Person("db/curator", "Conan", "Curator", HOUSE, email="curator@meridian.example")
ADMINISTRATOR = Person("simple/root", "Rosa", "Root", HOUSE)

STAFF_INSTRUMENTS = ("ML07", "ML14")
"""The instruments of `db/staff`."""

_ORIGINS = (
    ("Institute of Materials, Nordhafen", "Anke Henrik Ilse Torben", "Kristall Leuchte Brechung Spiegel"),
    ("University of Port-Rayon", "Camille Étienne Maëlle Lucien", "Rayon Lueur Faisceau Cristallin"),
    ("Politecnico di Montechiaro", "Chiara Tommaso Ilaria Fabio", "Sorgente Bagliore Raggio Lucente"),
    ("Universidad de Costaluz", "Lucía Álvaro Inés Iker", "Fotón Destello Haz Brillo"),
    ("Instituto de Física, Serra do Sol", "Beatriz Caio Luana Otávio", "Lume Feixe Clarão Faísca"),
    ("Bergvik Technical University", "Ingrid Sven Åsa Nils", "Stråle Ljusgård Skimmer Glans"),
    ("Academy of Järvenranta", "Aino Eero Säde Pekka", "Valonen Hohde Kide Sähkö"),
    ("Charles Mineral Institute, Horka", "Zdeněk Jitka Tomáš Květa", "Mřížka Světelný Paprsek Vlnka"),
    ("Łukowa University of Technology", "Agnieszka Michał Jagoda Bartosz", "Świetlik Kryształ Blask Iskra"),
    ("Sugár Research Centre", "Zsófia Gergő Réka Ákos", "Sugár Fényes Kristályos Szikra"),
    ("Aktina Polytechnic", "Eleni Nikos Dafni Stavros", "Aktina Fotinos Lampsi Krystallos"),
    ("Işıklar University", "Ayşe Emre Defne Ozan", "Işın Parlak Kıvılcım Billur"),
    ("Polytechnic of Promin", "Olena Taras Daryna Bohdan", "Promin Syaivo Iskriak Zorya"),
    ("Hikari Institute", "Haruka Kenji Aiko Ren", "Hikari Kirameki Kagayaki Suisho"),
    ("Guangyuan Academy", "Mei Jun Lan Bo", "Guang Jing Liang Yao"),
    ("Bitgoeul University", "Seo-yeon Min-jun Ha-eun Do-yun", "Bitna Gwang Sujeong Banjjak"),
    ("Kiran Institute of Science", "Priya Arjun Meera Rohan", "Kiran Prakash Jyoti Tejas"),
    ("Nur University of Science", "Layla Omar Salma Karim", "Shuaa Nur Barq Ballur"),
    ("University of Mwanga", "Amani Neema Juma Zawadi", "Mwanga Mwale Nyota Kioo"),
    ("Lakeside University", "Maya Ethan Harper Logan", "Gleam Beamish Prism Glint"),
    ("Southern Cross Institute", "Kiri Jack Matilda Tane", "Marama Flash Lattice Whetu"),
    ("Haifa Bay Institute", "Noa Eitan Tamar Yonatan", "Zohar Keren Or Gavish"),
)
"""Institute, given names, family names."""

_BEAMLINE_STAFF = (
    ("ML02", "Bruno Beugung", "Mira Mosaik"),
    ("ML05", "Fiona Fresnel-Zone", "Pascal Pinhole"),
    ("ML07", "Paul Pulver"),
    ("ML11", "Tilda Turntable", "Viktor Voxel"),
    ("ML14", "Gus Guinier-Plot"),
    ("ML19", "Edda Edge", "Xaver Xanes"),
    ("ML23", "Holger Hochenergie"),
    ("N05", "Nadia Neutron", "Ted Timeofflight"),
)


def visitors() -> tuple[Person, ...]:
    """Those who come with proposals, in a fixed shuffled order; the accounts of the example are not among them."""
    people = []
    for institute, given_names, family_names in _ORIGINS:
        given, family = given_names.split(), family_names.split()
        for turn in range(2):
            for place, name in enumerate(given):
                people.append(_person(name, family[(place + turn) % len(family)], institute))
    dice("visitors").shuffle(people)
    return tuple(people)


def instrument_scientists() -> dict[str, tuple[Person, ...]]:
    """Who is responsible for which instrument, the first one being the usual local contact."""
    teams: dict[str, tuple[Person, ...]] = {}
    for instrument, *names in _BEAMLINE_STAFF:
        team = tuple(_person(given, family, HOUSE) for given, family in (name.split() for name in names))
        teams[instrument] = (STAFF_SCIENTIST, *team) if instrument in STAFF_INSTRUMENTS else team
    return teams


def user_records() -> list[Record]:
    """Every user of the catalogue."""
    teams = instrument_scientists()
    staff = dict.fromkeys(person for team in teams.values() for person in team)
    return [_user(p) for p in (ADMINISTRATOR, VISITOR, PI, CURATOR, *staff, *visitors())]


def scientist_records() -> list[Record]:
    """Who is responsible for which instrument, as ICAT links them."""
    return [
        {"user": ref("User", person.login), "instrument": ref("Instrument", instrument)}
        for instrument, team in instrument_scientists().items()
        for person in team
    ]


def team_name(instrument: str) -> str:
    """The grouping of an instrument's scientists: `ml07-team`."""
    return f"{instrument.lower()}-team"


def group_members() -> dict[str, tuple[str, ...]]:
    """Groupings and the logins of their members."""
    teams = instrument_scientists()
    groups = {
        STAFF: tuple(dict.fromkeys(person.login for team in teams.values() for person in team)),
        CURATORS: (CURATOR.login,),
    }
    groups |= {team_name(plan.name): tuple(p.login for p in teams[plan.name]) for plan in INSTRUMENTS}
    everybody = visitors()
    for name in RESEARCH_GROUPS:
        groups[name] = tuple(person.login for person in dice("group", name).sample(everybody, 6))
    return groups


def group_records() -> list[Record]:
    """The groupings with their members."""
    return [
        {"name": name, "userGroups": [{"user": ref("User", login)} for login in members]}
        for name, members in group_members().items()
    ]


def _person(given: str, family: str, affiliation: str) -> Person:
    return Person(f"db/{_plain(given)}.{_plain(family)}", given, family, affiliation)


def _plain(name: str) -> str:
    """ASCII letters of a name; what has no decomposition (ł, ı, ø) is spelled without its mark."""
    decomposed = unicodedata.normalize("NFKD", name.lower().translate(str.maketrans("łıø", "lio")))
    return re.sub(r"[^a-z]", "", decomposed)


def _user(person: Person) -> Record:
    record: Record = {
        "name": person.login,
        "givenName": person.given,
        "familyName": person.family,
        "fullName": person.full_name,
        "affiliation": person.affiliation,
    }
    if person.orcid:
        record["orcidId"] = person.orcid
    if person.email:
        record["email"] = person.email
    return record
