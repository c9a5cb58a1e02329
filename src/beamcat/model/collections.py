"""Arbitrary sets of data, and the jobs that read and wrote them."""

from beamcat.model.declare import entity, text, to_one

ENTITIES = (
    entity(
        "DataCollection",
        "An arbitrary set of investigations, datasets and datafiles, used as job input/output and publication content",
        text("doi"),
    ),
    entity(
        "DataCollectionInvestigation",
        "Link: data collection to investigation",
        to_one("dataCollection", "DataCollection", inverse="dataCollectionInvestigations", required=True),
        to_one("investigation", "Investigation", inverse="dataCollectionInvestigations", required=True),
        unique=("dataCollection", "investigation"),
    ),
    entity(
        "DataCollectionDataset",
        "Link: data collection to dataset",
        to_one("dataCollection", "DataCollection", inverse="dataCollectionDatasets", required=True),
        to_one("dataset", "Dataset", inverse="dataCollectionDatasets", required=True),
        unique=("dataCollection", "dataset"),
    ),
    entity(
        "DataCollectionDatafile",
        "Link: data collection to datafile",
        to_one("dataCollection", "DataCollection", inverse="dataCollectionDatafiles", required=True),
        to_one("datafile", "Datafile", inverse="dataCollectionDatafiles", required=True),
        unique=("dataCollection", "datafile"),
    ),
    entity(
        "Application",
        "A software package (name + version)",
        to_one("facility", "Facility", inverse="applications", required=True),
        text("name", required=True),
        text("version", required=True),
        unique=("facility", "name", "version"),
    ),
    entity(
        "Job",
        "One execution of an application",
        text("arguments", comment="arguments the application was run with"),
        to_one("application", "Application", inverse="jobs", required=True),
        to_one("inputDataCollection", "DataCollection", inverse="jobsAsInput"),
        to_one("outputDataCollection", "DataCollection", inverse="jobsAsOutput"),
    ),
)
