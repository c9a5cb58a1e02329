"""A requested download as people see it: one line, in their words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from beamcat.portal.formatting import Formatting
from beamcat.portal.words import Words
from beamcat.store.requests.downloads import Download, DownloadStatus
from beamcat.store.requests.following import Arrival, Outlook
from beamcat.store.requests.transports import is_fetched
from beamcat.store.units.progress import Progress

WIDTH = 1000
"""Of the drawing of what has arrived."""
MOST_DRAWN = 200
"""Intervals that are drawn; nearer ones are drawn as one."""
PART = re.compile(r"(.+)_part_(\d+)_of_(\d+)")
"""What the parts of a visit are called."""

ICONS = {
    "waiting": "clock",
    "packing": "refresh",
    "restoring": "tape",
    "ready": "check",
    "info": "info",
    "done": "check",
    "failed": "alert",
    "expired": "clock",
    "paused": "pause",
}
"""The icon of each state; the states of badges are the same, but for those of `STATES`."""
STATES = {"ready": "ok", "paused": "info"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `state` is one of `ICONS`; `word` tells it, `said` what there is to add.

    `percent` is how far it is, None where there is nothing to tell. `gaps` are the places and widths of what has
    arrived, of `WIDTH`. `link` leads to the bytes, where they can be had.
    """

    id: int
    title: str
    address: str
    facts: str
    state: str
    word: str
    said: tuple[str, ...]
    percent: float | None = None
    gaps: tuple[tuple[int, int], ...] = ()
    link: str = ""
    metalink: str = ""
    access: str = ""
    parts: tuple[Row, ...] = ()
    may_ask_again: bool = False
    requested: datetime | None = None
    form: str = "zip"

    @property
    def icon(self) -> str:
        """Of its state."""
        return ICONS[self.state]

    @property
    def badge(self) -> str:
        """The state as badges know it."""
        return STATES.get(self.state, self.state)

    @property
    def moves(self) -> bool:
        """Whether something may happen to it soon."""
        return self.state in {"waiting", "packing", "restoring"} or any(part.moves for part in self.parts)

    @property
    def is_fetched_now(self) -> bool:
        """Whether bytes of it may be on their way."""
        return self.state in {"ready", "info"} or any(part.is_fetched_now for part in self.parts)


class Telling:
    """Tells of downloads in the words of a visitor."""

    def __init__(self, words: Words, formatting: Formatting, own_urls: dict[str, str]) -> None:
        """`own_urls`: the data services of transports that have one of their own."""
        self._t = words
        self._f = formatting
        self._own_urls = own_urls

    def rows(self, outlooks: Sequence[Outlook]) -> list[Row]:
        """A row each; the parts of a visit are one row that has them inside."""
        rows: list[Row] = []
        groups: dict[tuple[str, str], list[Row]] = {}
        for outlook in outlooks:
            row = self.row(outlook)
            part = PART.fullmatch(outlook.download.file_name)
            if part is None or int(part[3]) < 2:
                rows.append(row)
            elif (part[1], part[3]) in groups:
                groups[part[1], part[3]].append(row)
            else:
                groups[part[1], part[3]] = [row]
                rows.append(row)
        together = {parts[0].id: (name, parts) for (name, _), parts in groups.items()}
        return [self._together(*together[row.id]) if row.id in together else row for row in rows]

    def row(self, outlook: Outlook) -> Row:
        """One."""
        download = outlook.download
        state, word, said, percent = self._state(outlook)
        can_be_had = state in {"ready", "info", "done"} and is_fetched(download.transport)
        own = self._own_urls.get(download.transport, "").rstrip("/")
        return Row(
            id=download.id,
            title=download.file_name,
            address=f"/downloads/{download.id}",
            facts=self._facts(outlook),
            state=state,
            word=word,
            said=tuple(said),
            percent=percent,
            gaps=drawn(outlook.arrival) if can_be_had and outlook.arrival is not None else (),
            link=link_of(download, own) if can_be_had else "",
            metalink=f"{own}/ids/getMetalink?preparedId={download.prepared}" if can_be_had else "",
            access=download.brought.shown or "" if download.brought is not None else "",
            may_ask_again=state in {"failed", "expired"},
            requested=download.created,
            form=download.form,
        )

    def _together(self, name: str, parts: list[Row]) -> Row:
        """The parts of one visit, the first part first."""
        parts.sort(key=lambda row: row.title)
        order = ("failed", "waiting", "packing", "restoring", "paused", "expired", "info", "ready", "done")
        worst = min(parts, key=lambda row: order.index(row.state))
        ready = sum(row.state in {"ready", "info", "done"} for row in parts)
        return Row(
            id=parts[0].id,
            title=name,
            address=parts[0].address,
            facts=self._t("downloads.parts", n=len(parts), ready=ready),
            state=worst.state,
            word=worst.word,
            said=(),
            percent=100 * ready / len(parts) if ready < len(parts) else None,
            parts=tuple(parts),
            requested=parts[0].requested,
        )

    def _facts(self, outlook: Outlook) -> str:
        download, t, f = outlook.download, self._t, self._f
        files = outlook.kept.files if outlook.kept is not None else None
        told = [
            f.size(download.size) if download.size >= 0 else "",
            t("downloads.files", n=files, number=f.number(files)) if files is not None else "",
            t(f"downloads.form.{download.form}") if is_fetched(download.transport) else download.transport,
            t("downloads.asked", when=f.moment(download.created)),
        ]
        return " · ".join(each for each in told if each)

    def _state(self, outlook: Outlook) -> tuple[str, str, list[str], float | None]:
        download, t = outlook.download, self._t
        if outlook.has_lapsed:
            return "expired", t("downloads.state.lapsed"), [t("downloads.lapsed")], None
        match download.status:
            case DownloadStatus.QUEUED:
                place = (outlook.ahead or 0) + 1
                return (
                    "waiting",
                    t("downloads.state.queued", place=self._f.number(place)),
                    [t("downloads.queued")],
                    None,
                )
            case DownloadStatus.PREPARING:
                again = [t("downloads.again_soon", why=download.problem)] if download.problem else []
                return "packing", t("downloads.state.preparing"), again, None
            case DownloadStatus.RESTORING:
                return self._restoring(outlook)
            case DownloadStatus.PAUSED:
                return "paused", t("downloads.state.paused"), [t("downloads.paused")], None
            case DownloadStatus.EXPIRED if download.problem:
                return "failed", t("downloads.state.failed"), [download.problem], None
            case DownloadStatus.EXPIRED:
                return "expired", t("downloads.state.expired"), [t("downloads.lapsed")], None
            case DownloadStatus.COMPLETE:
                return self._complete(outlook)

    def _restoring(self, outlook: Outlook) -> tuple[str, str, list[str], float | None]:
        t, f, brought = self._t, self._f, outlook.download.brought
        if brought is not None:
            said = [t("downloads.brought", done=f.size(brought.bytes_done), size=f.size(brought.size))]
            if brought.failed:
                said.append(t("downloads.brought_failed", n=brought.failed))
            return "packing", t("downloads.state.bringing"), said, 100 * brought.bytes_done / max(brought.size, 1)
        progress = outlook.progress
        if progress is None:
            return "restoring", t("downloads.state.restoring"), [], None
        if progress.failed and not progress.restoring:
            return "failed", t("downloads.state.failed"), [t("downloads.unreadable", n=progress.failed)], None
        if progress.units and progress.online == progress.units:
            return "packing", t("downloads.state.preparing"), [], None
        return "restoring", t("downloads.state.restoring"), self.of_progress(progress), percent_of(progress)

    def of_progress(self, progress: Progress) -> list[str]:
        """How far data are on their way from tape, in words."""
        t, f = self._t, self._f
        said = [t("downloads.online_of", online=f.number(progress.online), units=f.number(progress.units))]
        if progress.position is not None:
            said.append(t("downloads.position", n=progress.position, number=f.number(progress.position)))
        if progress.seconds is not None:
            said.append(t("downloads.left", time=f.duration(max(progress.seconds, 1))))
        if progress.failed:
            said.append(t("downloads.unreadable", n=progress.failed))
        return said

    def _complete(self, outlook: Outlook) -> tuple[str, str, list[str], float | None]:
        t, f, download, arrival = self._t, self._f, outlook.download, outlook.arrival
        if not is_fetched(download.transport):
            said = []
            if download.brought is not None:
                if download.brought.failed:
                    said.append(t("downloads.brought_failed", n=download.brought.failed))
                if download.brought.expires is not None:
                    said.append(t("downloads.there_until", when=f.moment(download.brought.expires)))
            return "done", t("downloads.state.there"), said, None
        if arrival is None or arrival.delivered == 0:
            return "ready", t("downloads.state.ready"), [], None
        said = [t("downloads.received", got=f.size(arrival.delivered), size=f.size(arrival.size))]
        if arrival.last_byte is not None:
            said.append(t("downloads.last_byte", when=f.moment(arrival.last_byte)))
        percent = min(100 * arrival.delivered / max(arrival.size, 1), 100)
        if arrival.confirmed:
            return "done", t("downloads.state.confirmed"), said, 100
        if arrival.complete:
            return "done", t("downloads.state.received"), said, 100
        missing = len(arrival.ranges) - (1 if arrival.ranges and arrival.ranges[0][0] == 0 else 0)
        if missing:
            said.append(t("downloads.gaps", n=missing))
        return "info", t("downloads.state.partly", percent=f.number(int(percent))), said, percent


def percent_of(progress: Progress) -> float:
    """How much is online."""
    return 100 * progress.online / max(progress.units, 1)


def drawn(arrival: Arrival) -> tuple[tuple[int, int], ...]:
    """The intervals that have arrived as places and widths, at most so many; nothing is drawn as more than there is."""
    bars: list[list[int]] = []
    for first, stop in arrival.ranges:
        start, end = first * WIDTH // max(arrival.size, 1), -(-stop * WIDTH // max(arrival.size, 1))
        if bars and start - bars[-1][1] <= WIDTH // MOST_DRAWN // 5:
            bars[-1][1] = max(end, bars[-1][1])
        else:
            bars.append([start, end])
    return tuple((start, max(end - start, 1)) for start, end in bars[: 2 * MOST_DRAWN])


def link_of(download: Download, base: str = "") -> str:
    """Where the bytes of a prepared download are: whoever has this address may fetch them."""
    return f"{base}/ids/getData?preparedId={download.prepared}&outname={quote(download.file_name, safe='')}"
