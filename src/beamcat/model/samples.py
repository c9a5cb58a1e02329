"""Samples and what they are made of."""

from beamcat.model.declare import entity, text, to_one

ENTITIES = (
    entity(
        "Sample",
        "A sample used in an investigation",
        to_one("investigation", "Investigation", inverse="samples", required=True),
        text("name", required=True),
        text("pid", comment="persistent identifier, such as an IGSN"),
        to_one("type", "SampleType", inverse="samples"),
        unique=("investigation", "name"),
    ),
    entity(
        "SampleType",
        "Classification of samples",
        to_one("facility", "Facility", inverse="sampleTypes", required=True),
        text("name", required=True),
        text("molecularFormula", required=True),
        text("safetyInformation", 4000),
        unique=("facility", "name", "molecularFormula"),
    ),
)
