"""Clients that bring in data over REST, go on after every failure, and keep book of it."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from tests.conformance.client import IcatError, Session, sign_in
from tests.crashes.facility import LINKS, PASSWORD, Facility, Json, dataset_json, file_json, link_json, possible_links
from tests.crashes.ledger import Dataset, File, Ledger, Link, Thing

READY_WITHIN_S = 180.0
"""How long the service may be away after a crash."""
ANSWER_WITHIN_S = 120.0
PAUSE_S = 0.05
WRITERS = 2

PERHAPS = "look whether it is there"
"""What a 503 says when it cannot promise that nothing was changed."""


class Writer:
    """One client. It works on datasets and links of its own, in investigations shared by all.

    `busy` is held during every step, `gate` is open while steps may begin.
    """

    def __init__(
        self, url: str, facility: Facility, ledger: Ledger, number: int, gate: threading.Event, seed: int
    ) -> None:
        self.name = f"writer{number}"
        self.busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._http = httpx.Client(base_url=url, timeout=ANSWER_WITHIN_S, trust_env=False)
        self._session: Session | None = None
        self._facility = facility
        self._ledger = ledger
        self._number = number
        self._gate = gate
        self._stopping = threading.Event()
        self._random = random.Random(f"{seed} {number}")
        self._made = 0
        self._datasets: list[str] = []
        self._links = possible_links(facility, sorted(facility.ends["user"])[number::WRITERS])
        self._steps: dict[Callable[[], None], int] = {
            self._bring_dataset: 8,
            self._bring_files: 8,
            self._write_a_mixture: 5,
            self._delete_files: 2,
            self._delete_datasets: 1,
            self._make_links: 2,
            self._delete_links: 1,
        }

    def start(self) -> None:
        """Bring in data until `finish`."""
        self._thread.start()

    def finish(self) -> None:
        """Have it end after the step it is at."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def is_alive(self) -> bool:
        """Whether it still works. It gives up where a violation leaves it nothing to go on with."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._gate.wait()
                with self.busy:
                    well = self._step()
                if not well:
                    self._wait_until_ready()
        except Exception:
            self._ledger.report(f"{self.name} gave up: {traceback.format_exc()}")
        finally:
            self._http.close()

    def _step(self) -> bool:
        """Do something. False when the service is away."""
        [step] = self._random.choices([*self._steps], [*self._steps.values()])
        try:
            if self._session is None:
                self._session = sign_in(self._http, "simple", username="root", password=PASSWORD)
            step()
        except httpx.TransportError:
            return False
        except IcatError as error:
            if error.status == httpx.codes.SERVICE_UNAVAILABLE:
                return False
            if error.code == "SESSION":
                self._session = None
            self._ledger.report(f"{self.name} {step.__name__}: {error}")
        return True

    def _bring_dataset(self) -> None:
        name = self._new_name()
        dataset = self._new_dataset(self._random.randint(80, 120))
        self._write("dataset", {name: dataset}, [dataset_json(self._facility, name, dataset)], dataset.objects())

    def _bring_files(self) -> None:
        for name, dataset in self._chosen(1).items():
            identifier = self._find("Dataset", [name])[name]
            files = self._new_files(self._random.randint(20, 150), with_parameters=False)
            grown = replace(dataset, files={**dataset.files, **files})
            self._write("files", {name: grown}, self._elements(identifier, files), len(files))

    def _write_a_mixture(self) -> None:
        """One call: a new dataset, a changed one, one that moves, changed files and new ones."""
        chosen = self._chosen(3)
        if len(chosen) < 3:
            return
        ids = self._find("Dataset", list(chosen))
        (changed, described), (moving, moved), (growing, grown) = chosen.items()
        name, dataset = self._new_name(), self._new_dataset(self._random.randint(5, 30))
        described = replace(described, description=self._text())
        moved = replace(moved, investigation=self._investigation())
        files = self._new_files(self._random.randint(5, 30), with_parameters=True)
        resized = self._random.sample(sorted(grown.files), min(len(grown.files), 10))
        now = {file: replace(grown.files[file], size=self._size(), description=self._text()) for file in resized}
        file_ids = self._files_of(ids[growing], resized)
        investigation = {"id": self._facility.ends["investigation"][moved.investigation]}
        self._write(
            "mixture",
            {
                name: dataset,
                changed: described,
                moving: moved,
                growing: replace(grown, files={**grown.files, **files, **now}),
            },
            [
                {"Dataset": {"id": ids[changed], "description": described.description}},
                *self._elements(ids[growing], files),
                dataset_json(self._facility, name, dataset),
                *(
                    {"Datafile": {"id": file_ids[file], "fileSize": it.size, "description": it.description}}
                    for file, it in now.items()
                ),
                {"Dataset": {"id": ids[moving], "investigation": investigation}},
            ],
            dataset.objects() + sum(1 + len(file.parameters) for file in files.values()),
        )

    def _delete_files(self) -> None:
        for name, dataset in self._chosen(1).items():
            gone = self._random.sample(sorted(dataset.files), min(len(dataset.files), self._random.randint(1, 30)))
            if gone:
                ids = self._files_of(self._find("Dataset", [name])[name], gone)
                left = {file: it for file, it in dataset.files.items() if file not in ids}
                self._delete("delete files", {name: replace(dataset, files=left)}, "Datafile", list(ids.values()))

    def _delete_datasets(self) -> None:
        chosen = self._chosen(self._random.randint(1, 2))
        if chosen:
            ids = self._find("Dataset", list(chosen))
            self._delete("delete datasets", dict.fromkeys(chosen), "Dataset", list(ids.values()))

    def _make_links(self) -> None:
        missing = [key for key in self._links if key not in self._ledger.known and not self._ledger.is_touched(key)]
        chosen = self._random.sample(missing, min(len(missing), 4))
        if chosen:
            elements = [link_json(self._facility, key) for key in chosen]
            self._write("links", dict.fromkeys(chosen, Link()), elements, len(chosen))

    def _delete_links(self) -> None:
        """Some links of one entity."""
        entity = self._random.choice(sorted(LINKS))
        there = self._ledger.free(key for key in self._links if key.startswith(f"{entity} "))
        chosen = self._random.sample(there, min(len(there), 3))
        if chosen:
            left, right = LINKS[entity]
            rows = self._ask(f"SELECT x.{left}.name, x.{right}.name, x.id FROM {entity} x")
            ids = self._all_of(chosen, [(f"{entity} {user} {other}", identifier) for user, other, identifier in rows])
            self._delete("delete links", dict.fromkeys(chosen), entity, [ids[key] for key in chosen])

    def _write(self, kind: str, after: Mapping[str, Thing | None], elements: Sequence[Json], objects: int) -> None:
        names = [e["Dataset"]["name"] for e in elements if "name" in e.get("Dataset", {})]
        created = [e for e in elements if "id" not in next(iter(e.values()))]

        def told(ids: list[int]) -> dict[str, int]:
            assert len(ids) == len(created)
            of_datasets = [i for e, i in zip(created, ids, strict=True) if "Dataset" in e]
            return dict(zip(names, of_datasets, strict=True))

        assert self._session is not None
        session = self._session
        self._call(kind, after, lambda: told(session.write(elements)), objects)

    def _delete(self, kind: str, after: Mapping[str, Thing | None], entity: str, ids: Sequence[int]) -> None:
        assert self._session is not None
        session = self._session

        def gone() -> dict[str, int]:
            session.delete(*((entity, identifier) for identifier in ids))
            return {}

        self._call(kind, after, gone, 0)

    def _call(
        self, kind: str, after: Mapping[str, Thing | None], send: Callable[[], Mapping[str, int]], objects: int
    ) -> None:
        """Note the intent, send, note the answer."""
        number = self._ledger.begin(f"{self.name} {kind}", after, objects)
        try:
            ids = send()
        except httpx.TransportError:
            self._ledger.leave_open(number)
            raise
        except IcatError as error:
            if (
                error.status in {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.FORBIDDEN}
                and PERHAPS not in error.message
            ):
                self._ledger.refuse(number)
            else:
                self._ledger.leave_open(number)
            raise
        self._ledger.acknowledge(number, ids)

    def _elements(self, dataset: int, files: Mapping[str, File]) -> list[Json]:
        """What creates the files in a dataset that is there."""
        return [
            {"Datafile": {**file_json(self._facility, name, file), "dataset": {"id": dataset}}}
            for name, file in files.items()
        ]

    def _chosen(self, count: int) -> dict[str, Dataset]:
        """Some of its own datasets that are there for certain."""
        there = self._ledger.free(self._datasets)
        found: dict[str, Dataset] = {}
        for name in self._random.sample(there, min(len(there), count)):
            dataset = self._ledger.known[name]
            assert isinstance(dataset, Dataset)
            found[name] = dataset
        return found

    def _find(self, entity: str, names: Sequence[str]) -> dict[str, int]:
        """The ids by name of what must be there."""
        listed = ", ".join(f"'{name}'" for name in names)
        return self._all_of(names, self._ask(f"SELECT x.name, x.id FROM {entity} x WHERE x.name IN ({listed})"))

    def _files_of(self, dataset: int, names: Sequence[str]) -> dict[str, int]:
        rows = self._ask(f"SELECT x.name, x.id FROM Datafile x WHERE x.dataset.id = {dataset}")
        return self._all_of(names, [row for row in rows if row[0] in names])

    @staticmethod
    def _all_of(names: Sequence[str], rows: Iterable[tuple[str, int]]) -> dict[str, int]:
        ids = dict(rows)
        if missing := set(names) - ids.keys():
            raise AssertionError(f"acknowledged, but not there: {sorted(missing)[:5]}")
        return ids

    def _ask(self, query: str) -> list[Any]:
        assert self._session is not None
        rows: list[Any] = self._session.search(query)
        return rows

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._stopping.is_set():
            try:
                if self._http.get("/readyz", timeout=10).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"the service was away for more than {READY_WITHIN_S:.0f} s")
            time.sleep(PAUSE_S)

    def _new_name(self) -> str:
        self._made += 1
        name = f"scan_{self._number}_{self._made:06}"
        self._datasets.append(name)
        return name

    def _new_dataset(self, files: int) -> Dataset:
        parameters = self._parameters()
        return Dataset(self._investigation(), self._text(), parameters, self._new_files(files, with_parameters=True))

    def _new_files(self, count: int, *, with_parameters: bool) -> dict[str, File]:
        self._made += 1
        return {
            f"frame_{self._made}_{number:04}.h5": File(
                self._size(), None, self._parameters() if with_parameters and number % 5 == 0 else frozenset()
            )
            for number in range(count)
        }

    def _parameters(self) -> frozenset[tuple[str, float | str]]:
        return frozenset({("temperature", self._random.randint(1, 4000) / 8), ("remark", self._text())})

    def _investigation(self) -> str:
        return self._random.choice(sorted(self._facility.ends["investigation"]))

    def _size(self) -> int:
        return self._random.randint(0, 2**33)

    def _text(self) -> str:
        return f"{self._random.getrandbits(48):012x}"
