"""Who people are, which groups they are in, and what the rules let them do."""

from beamcat.model.declare import entity, flag, text, to_one

ENTITIES = (
    entity(
        "User",
        "A person known to the catalogue",
        text("name", required=True, comment="name as it appears in sessions, such as db/visitor"),
        text("affiliation"),
        text("email"),
        text("familyName"),
        text("fullName"),
        text("givenName"),
        text("orcidId", comment="ORCID of the person"),
        unique=("name",),
    ),
    entity(
        "Grouping",
        "A named group of users, used by rules",
        text("name", required=True),
        unique=("name",),
    ),
    entity(
        "UserGroup",
        "Link: user to grouping",
        to_one("user", "User", inverse="userGroups", required=True),
        to_one("grouping", "Grouping", inverse="userGroups", required=True),
        unique=("user", "grouping"),
    ),
    entity(
        "Rule",
        "An authorization rule",
        text("crudFlags", 4, required=True, comment="letters of C, R, U, D"),
        text("what", 1024, required=True, comment="query for the objects the rule allows access to"),
        to_one("grouping", "Grouping", inverse="rules", comment="members of this group; everybody when absent"),
        text("bean", 32, hidden=True, comment="entity the rule speaks of"),
        text("attribute", 32, hidden=True, comment="member an update rule is limited to"),
        flag("c", hidden=True, comment="allows create"),
        flag("r", hidden=True, comment="allows read"),
        flag("u", hidden=True, comment="allows update"),
        flag("d", hidden=True, comment="allows delete"),
        flag("restricted", hidden=True, comment="the rule does not hold for every object"),
    ),
    entity(
        "PublicStep",
        "An INCLUDE step everybody may follow without further checks",
        text("origin", 32, required=True, comment="entity the INCLUDE step starts from"),
        text("field", 32, required=True, comment="relation the step follows"),
        unique=("origin", "field"),
    ),
)
