"""Who may do what at the example facility: rules in both of ICAT's languages, and public steps.

Anybody reads what belongs to an investigation whose release date has passed, and the words the facility defines.
The people of an investigation read it before that; its principal investigator may change and add some of it.
Instrument scientists do everything to the investigations of their instruments. Members of a group read what is
shared with the group. Curators read all and care for publications.

People are not a public table: their names are seen through public steps, next to what they did.
"""

from __future__ import annotations

from beamcat.demo.objects import Record, ref
from beamcat.demo.people import CURATORS, STAFF
from beamcat.demo.visits import PRINCIPAL_INVESTIGATOR

PUBLIC_TABLES = (
    "Application",
    "DataPublicationType",
    "DatafileFormat",
    "DatasetType",
    "Facility",
    "FacilityCycle",
    "FundingReference",
    "Instrument",
    "InstrumentScientist",
    "InvestigationType",
    "ParameterType",
    "PermissibleStringValue",
    "PublicStep",
    "SampleType",
    "Technique",
)

TO_INVESTIGATION: dict[str, tuple[str, ...]] = {
    "Investigation": (),
    "DataCollection": ("dataCollectionDatasets", "dataset", "investigation"),
    "DataCollectionDatafile": ("datafile", "dataset", "investigation"),
    "DataCollectionDataset": ("dataset", "investigation"),
    "DataCollectionInvestigation": ("investigation",),
    "DataCollectionParameter": ("dataCollection", "dataCollectionDatasets", "dataset", "investigation"),
    "Datafile": ("dataset", "investigation"),
    "DatafileParameter": ("datafile", "dataset", "investigation"),
    "Dataset": ("investigation",),
    "DatasetInstrument": ("dataset", "investigation"),
    "DatasetParameter": ("dataset", "investigation"),
    "DatasetTechnique": ("dataset", "investigation"),
    "InvestigationFacilityCycle": ("investigation",),
    "InvestigationFunding": ("investigation",),
    "InvestigationGroup": ("investigation",),
    "InvestigationInstrument": ("investigation",),
    "InvestigationParameter": ("investigation",),
    "InvestigationUser": ("investigation",),
    "Job": ("outputDataCollection", "dataCollectionDatasets", "dataset", "investigation"),
    "Keyword": ("investigation",),
    "Publication": ("investigation",),
    "RelatedDatafile": ("destDatafile", "dataset", "investigation"),
    "Sample": ("investigation",),
    "SampleParameter": ("sample", "investigation"),
    "Shift": ("investigation",),
    "Study": ("studyInvestigations", "investigation"),
    "StudyInvestigation": ("investigation",),
}
"""How everything that belongs to an investigation finds it."""

TO_PUBLICATION: dict[str, tuple[str, ...]] = {
    "DataPublication": (),
    "Affiliation": ("user", "publication"),
    "DataCollection": ("dataPublications",),
    "DataCollectionDatafile": ("dataCollection", "dataPublications"),
    "DataCollectionDataset": ("dataCollection", "dataPublications"),
    "DataCollectionInvestigation": ("dataCollection", "dataPublications"),
    "DataCollectionParameter": ("dataCollection", "dataPublications"),
    "DataPublicationDate": ("publication",),
    "DataPublicationFunding": ("dataPublication",),
    "DataPublicationUser": ("publication",),
    "RelatedItem": ("publication",),
    "Subject": ("dataPublication",),
}
"""How everything that belongs to a data publication finds it."""

NOT_FOR_EVERYBODY = ("InvestigationGroup",)
"""What stays with the team when the data open."""

SHARED = ("Study",)
"""What joins investigations of several instruments: instrument scientists only read it."""

MEMBERS_IN_CONCISE_SYNTAX = {
    "Investigation": "Investigation",
    "Datafile": "Datafile <-> Dataset <-> Investigation",
    "DatafileParameter": "DatafileParameter <-> Datafile <-> Dataset <-> Investigation",
    "Dataset": "Dataset <-> Investigation",
    "DatasetParameter": "DatasetParameter <-> Dataset <-> Investigation",
    "Sample": "Sample <-> Investigation",
    "SampleParameter": "SampleParameter <-> Sample <-> Investigation",
}
"""The most asked for, written the older way."""

WRITTEN_BY_LEADERS = {
    "DatasetParameter": "CUD",
    "InvestigationParameter": "CUD",
    "InvestigationUser": "CUD",
    "Keyword": "CUD",
    "Publication": "CUD",
    "Sample": "U",
    "SampleParameter": "CUD",
}
CHANGED_BY_LEADERS = (("Datafile", "description"), ("Dataset", "description"), ("Investigation", "summary"))

WRITTEN_BY_CURATORS = (*TO_PUBLICATION, "FundingReference", "InvestigationFunding", "Keyword", "Publication")
CHANGED_BY_CURATORS = (("Dataset", "doi"), ("Investigation", "doi"), ("Investigation", "releaseDate"))

PEOPLE = ("Grouping", "User", "UserGroup")

_OPEN = " WHERE i.releaseDate < CURRENT_TIMESTAMP"
_PUBLISHED = " WHERE p.publicationDate < CURRENT_TIMESTAMP"
_MEMBER = " JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user"
_LEADER = f"{_MEMBER} AND iu.role = '{PRINCIPAL_INVESTIGATOR}'"
_SCIENTIST = (
    " JOIN i.investigationInstruments ii JOIN ii.instrument n JOIN n.instrumentScientists s JOIN s.user u"
    " WHERE u.name = :user"
)
_GROUP = " JOIN i.investigationGroups ig JOIN ig.grouping g JOIN g.userGroups ug JOIN ug.user u WHERE u.name = :user"

STEPS_WITHIN = {
    "Investigation": (
        "datasets fundingReferences investigationFacilityCycles investigationInstruments investigationUsers"
        " keywords parameters publications samples shifts"
    ),
    "Dataset": "datafiles datasetInstruments datasetTechniques investigation parameters sample",
    "Datafile": "dataset parameters",
    "Sample": "datasets investigation parameters",
    "DataPublication": "content dates fundingReferences relatedItems subjects users",
    "DataPublicationUser": "affiliations user",
    "DataCollection": "parameters",
    "InvestigationUser": "user",
    "InstrumentScientist": "user",
    "Study": "user",
}
"""Public steps: whoever sees the first may see the others, because they belong together."""


def rule_records() -> list[Record]:
    """All rules."""
    return [
        *(_rule("R", table) for table in PUBLIC_TABLES),
        *_rules_of_everybody(),
        *_rules_of_teams(),
        *_rules_of_leaders(),
        *_rules_of_curators(),
        *(_rule("R", entity, STAFF) for entity in PEOPLE),
        _rule("R", "SELECT u FROM User u WHERE u.name = :user"),
        _rule("R", "Grouping <-> UserGroup <-> User [name = :user]"),
        _rule("R", "UserGroup <-> User [name = :user]"),
        _rule(
            "R",
            "SELECT c FROM User c JOIN c.investigationUsers cu JOIN cu.investigation i JOIN i.investigationUsers iu"
            " JOIN iu.user u WHERE u.name = :user",
        ),
    ]


def step_records() -> list[Record]:
    """All public steps."""
    return [{"origin": origin, "field": field} for origin, fields in STEPS_WITHIN.items() for field in fields.split()]


def _rules_of_everybody() -> list[Record]:
    to_open = [_rule("R", _reaching(e, "i", _OPEN)) for e in TO_INVESTIGATION if e not in NOT_FOR_EVERYBODY]
    return to_open + [_rule("R", _reaching(entity, "p", _PUBLISHED)) for entity in TO_PUBLICATION]


def _rules_of_teams() -> list[Record]:
    rules = []
    for entity in TO_INVESTIGATION:
        concise = MEMBERS_IN_CONCISE_SYNTAX.get(entity)
        if concise is None:
            rules.append(_rule("R", _reaching(entity, "i", _MEMBER)))
        else:
            rules.append(_rule("R", f"{concise} <-> InvestigationUser <-> User [name = :user]"))
        rules.append(_rule("R", _reaching(entity, "i", _GROUP)))
        rules.append(_rule("R" if entity in SHARED else "CRUD", _reaching(entity, "i", _SCIENTIST)))
    return rules


def _rules_of_leaders() -> list[Record]:
    whole = [_rule(flags, _reaching(entity, "i", _LEADER)) for entity, flags in WRITTEN_BY_LEADERS.items()]
    return whole + [_rule("U", _reaching(entity, "i", _LEADER, member)) for entity, member in CHANGED_BY_LEADERS]


def _rules_of_curators() -> list[Record]:
    read = [e for e in (*TO_INVESTIGATION, *PEOPLE) if e not in WRITTEN_BY_CURATORS]
    return [
        *(_rule("R", entity, CURATORS) for entity in read),
        *(_rule("CRUD", entity, CURATORS) for entity in WRITTEN_BY_CURATORS),
        *(_rule("U", _every(entity, member), CURATORS) for entity, member in CHANGED_BY_CURATORS),
    ]


def _rule(flags: str, what: str, group: str | None = None) -> Record:
    record: Record = {"crudFlags": flags, "what": what}
    return record if group is None else record | {"grouping": ref("Grouping", group)}


def _every(entity: str, member: str) -> str:
    return f"SELECT o.{member} FROM {entity} o"  # noqa: S608 (ICAT's language)


def _reaching(entity: str, end: str, condition: str, member: str | None = None) -> str:
    """The objects of `entity` whose investigation `i` or data publication `p` (`end`) meets the condition."""
    path = (TO_INVESTIGATION if end == "i" else TO_PUBLICATION)[entity]
    names = ["o", *(f"s{number}" for number in range(1, len(path))), end] if path else [end]
    steps = zip(path, names[:-1], names[1:], strict=True)
    joins = "".join(f" JOIN {origin}.{step} {target}" for step, origin, target in steps)
    selected = names[0] if member is None else f"{names[0]}.{member}"
    return f"SELECT {selected} FROM {entity} {names[0]}{joins}{condition}"  # noqa: S608 (ICAT's language)
