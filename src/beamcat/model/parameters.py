"""Parameter types, and the values investigations, samples, datasets, datafiles and collections carry."""

from beamcat.model.declare import Enumeration, datetime, double, entity, flag, one_of, text, to_one

ParameterValueType = Enumeration("ParameterValueType", ("DATE_AND_TIME", "NUMERIC", "STRING"))

VALUE_MEMBERS = (
    text("stringValue", 4000),
    double("numericValue"),
    datetime("dateTimeValue"),
    double("rangeBottom"),
    double("rangeTop"),
    double("error"),
)

SHARED_MEMBERS = (*VALUE_MEMBERS, to_one("type", "ParameterType", inverse="parameters", required=True))

ENTITIES = (
    entity(
        "ParameterType",
        "Definition (name, units, value type, applicability) of a parameter",
        to_one("facility", "Facility", inverse="parameterTypes", required=True),
        text("name", required=True),
        text("units", required=True, comment="unit of the values"),
        flag("applicableToDataCollection"),
        flag("applicableToDatafile"),
        flag("applicableToDataset"),
        flag("applicableToInvestigation"),
        flag("applicableToSample"),
        text("description"),
        flag("enforced", comment="values outside the limits or the permissible set are refused"),
        double("maximumNumericValue"),
        double("minimumNumericValue"),
        text("pid"),
        text("unitsFullName"),
        one_of("valueType", ParameterValueType, required=True),
        flag("verified"),
        unique=("facility", "name", "units"),
    ),
    entity(
        "PermissibleStringValue",
        "One allowed value of a string parameter type",
        to_one("type", "ParameterType", inverse="permissibleStringValues", required=True),
        text("value", required=True),
        unique=("value", "type"),
    ),
    entity(
        "InvestigationParameter",
        "Parameter value on an investigation",
        to_one("investigation", "Investigation", inverse="parameters", required=True),
        to_one("type", "ParameterType", inverse="investigationParameters", required=True),
        *VALUE_MEMBERS,
        unique=("investigation", "type"),
        parameter_of="investigation",
    ),
    entity(
        "SampleParameter",
        "Parameter value on a sample",
        to_one("sample", "Sample", inverse="parameters", required=True),
        to_one("type", "ParameterType", inverse="sampleParameters", required=True),
        *VALUE_MEMBERS,
        unique=("sample", "type"),
        parameter_of="sample",
    ),
    entity(
        "DatasetParameter",
        "Parameter value on a dataset",
        to_one("dataset", "Dataset", inverse="parameters", required=True),
        to_one("type", "ParameterType", inverse="datasetParameters", required=True),
        *VALUE_MEMBERS,
        unique=("dataset", "type"),
        parameter_of="dataset",
    ),
    entity(
        "DatafileParameter",
        "Parameter value on a datafile",
        to_one("datafile", "Datafile", inverse="parameters", required=True),
        to_one("type", "ParameterType", inverse="datafileParameters", required=True),
        *VALUE_MEMBERS,
        unique=("datafile", "type"),
        parameter_of="datafile",
    ),
    entity(
        "DataCollectionParameter",
        "Parameter value on a data collection",
        to_one("dataCollection", "DataCollection", inverse="parameters", required=True),
        to_one("type", "ParameterType", inverse="dataCollectionParameters", required=True),
        *VALUE_MEMBERS,
        unique=("dataCollection", "type"),
        parameter_of="dataCollection",
    ),
)
