"""What came of the measurements: jobs that processed data, published data with DOIs, and studies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from beamcat.demo.datasets import APPLICATION_VERSIONS, DemoDataset
from beamcat.demo.objects import Record, instant, ref
from beamcat.demo.people import CURATOR, PI
from beamcat.demo.recipes import RECIPES
from beamcat.demo.science import FIELDS
from beamcat.demo.visits import CO_INVESTIGATOR, LOCAL_CONTACT, PRINCIPAL_INVESTIGATOR, Visit, parameter
from beamcat.demo.vocabulary import DOI_PREFIX, FACILITY, PANET, TECHNIQUES

PUBLISHED_PLACES = (0, 1)
"""Of each instrument, the visits whose data are published with a DOI."""

_CONTRIBUTORS = {PRINCIPAL_INVESTIGATOR: "Creator", CO_INVESTIGATOR: "Creator", LOCAL_CONTACT: "DataCollector"}


@dataclass(frozen=True, slots=True)
class DemoJob:
    """A job that computed `output` from `source`; both are keys of datasets."""

    application: tuple[str, str]
    arguments: str
    source: tuple[str, str]
    output: tuple[str, str]


def jobs_of(datasets: Iterable[DemoDataset]) -> tuple[DemoJob, ...]:
    """One job for each processed dataset that has files."""
    jobs = []
    for dataset in datasets:
        if dataset.source is not None and dataset.has_files:
            program = RECIPES[dataset.visit.instrument.name].program
            visit_id, name = dataset.key
            arguments = f"--input {visit_id}/{dataset.source} --output {visit_id}/{name}"
            jobs.append(
                DemoJob((program, APPLICATION_VERSIONS[program]), arguments, (visit_id, dataset.source), dataset.key)
            )
    return tuple(jobs)


def job_input_record(job: DemoJob) -> Record:
    """The data collection a job read."""
    return {"dataCollectionDatasets": [{"dataset": ref("Dataset", *job.source)}]}


def job_output_record(job: DemoJob) -> Record:
    """The data collection a job wrote, with the job."""
    run = {
        "application": ref("Application", *job.application),
        "arguments": job.arguments,
        "inputDataCollection": ref("DataCollection", *job.source),
    }
    software = parameter("software", " ".join(job.application))
    return {
        "dataCollectionDatasets": [{"dataset": ref("Dataset", *job.output)}],
        "parameters": [software],
        "jobsAsOutput": [run],
    }


def is_published(visit: Visit) -> bool:
    """Whether the data of a visit have a data publication."""
    return visit.place[1] in PUBLISHED_PLACES and visit.kind != "industrial"


def publication_doi(visit: Visit) -> str:
    """The DOI of the published data of a visit."""
    return f"{DOI_PREFIX}.p{visit.visit_id.lower()}"


def collection_record(visit: Visit) -> Record:
    """The collection of a published visit, with its data publication."""
    return {
        "doi": publication_doi(visit),
        "dataCollectionInvestigations": [{"investigation": ref("Investigation", visit.visit_id)}],
        "parameters": [parameter("licence", "CC-BY-4.0")],
        "dataPublications": [_publication(visit)],
    }


def study_records(visits: Iterable[Visit]) -> list[Record]:
    """A study for each field that joins four experiments or more at two instruments or more."""
    studies = []
    for field in FIELDS:
        members = [v for v in visits if v.subject.field is field and v.kind == "experiment"][:12]
        if len(members) >= 4 and len({v.instrument.name for v in members}) >= 2:
            leader = next((p for v in members for p, role in v.members if role == PRINCIPAL_INVESTIGATOR), PI)
            studies.append(
                {
                    "name": f"{field.name} at several instruments",
                    "description": f"{field.why} Experiments that look at the same question with different methods.",
                    "pid": f"{DOI_PREFIX}.study-{field.name.split()[0].lower()}",
                    "status": "COMPLETE" if members[-1].first.year < 2024 else "IN_PROGRESS",
                    "startDate": instant(members[0].first),
                    "endDate": instant(members[-1].last),
                    "user": ref("User", leader.login),
                    "studyInvestigations": [{"investigation": ref("Investigation", v.visit_id)} for v in members],
                }
            )
    return studies


def _publication(visit: Visit) -> Record:
    subject, plan = visit.subject, visit.instrument
    if visit.release is None:
        raise ValueError(f"{visit.visit_id} is never released, so it has no publication")
    published = visit.release + timedelta(days=14)
    title = f"{plan.techniques[0].capitalize()} data: {subject.title[0].lower()}{subject.title[1:]}"
    return {
        "facility": ref("Facility", FACILITY),
        "type": ref("DataPublicationType", "Investigation"),
        "pid": publication_doi(visit),
        "internalId": visit.visit_id,
        "title": title,
        "subject": "; ".join((subject.field.name, *subject.field.keywords)),
        "description": (
            f"{subject.field.why} This collection holds all data of visit {visit.visit_id} at {plan.full_name}:"
            f" raw data, calibrations, and what was computed from them, for {len(visit.samples)} samples of"
            f" {subject.material.plural} {subject.condition}. Files are NeXus and HDF5; tables are CSV in UTF-8."
        ),
        "publicationDate": instant(published),
        "users": _contributors(visit),
        "dates": [
            {"dateType": "Collected", "date": f"{visit.first.date()}/{visit.last.date()}"},
            {"dateType": "Available", "date": str(visit.release.date())},
            {"dateType": "Issued", "date": str(published.date())},
        ],
        "subjects": [_technique_subject(name) for name in plan.techniques]
        + [{"name": word} for word in subject.field.keywords[:2]],
        "relatedItems": [
            {
                "identifier": f"10.5072/example.{visit.visit_id.lower()}",
                "relationType": "IsSupplementTo",
                "relatedItemType": "JournalArticle",
                "title": subject.title,
                "fullReference": f"{subject.title}. Journal of Examples 12.",
            },
            {
                "identifier": f"doi:10.5072/inst.{plan.name.lower()}",
                "relationType": "IsCollectedBy",
                "relatedItemType": "Instrument",
                "title": plan.full_name,
            },
        ],
    }


def _contributors(visit: Visit) -> list[Record]:
    people = [(person, _CONTRIBUTORS[role]) for person, role in visit.members]
    people.append((CURATOR, "DataCurator"))
    return [
        {
            "user": ref("User", person.login),
            "contributorType": contribution,
            "orderKey": f"{number:02d}",
            "givenName": person.given,
            "familyName": person.family,
            "fullName": f"{person.family}, {person.given}",
            "affiliations": [{"name": person.affiliation}],
        }
        for number, (person, contribution) in enumerate(people, start=1)
    ]


def _technique_subject(name: str) -> Record:
    term = PANET + TECHNIQUES[name][0]
    return {"name": name, "subjectScheme": "PaNET", "schemeURI": PANET, "valueURI": term, "pid": term}
