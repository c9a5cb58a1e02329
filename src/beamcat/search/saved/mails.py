"""What a mail about new matches says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from beamcat.config import Settings
from beamcat.search.saved.searches import SavedSearch
from beamcat.search.saved.showing import Shown
from beamcat.store.requests.mails import filled
from beamcat.store.requests.opening import data_url


@dataclass(frozen=True, slots=True)
class Alert:
    """A mail that has to be written. `number` and `created` make its Message-ID, the same however often it is sent.

    `matches` are the newest of `count`; with `more` there are at least so many.
    """

    number: int
    created: datetime
    search: SavedSearch
    address: str
    full_name: str
    matches: Sequence[Shown]
    count: int
    more: bool


def alert_mail(alert: Alert, settings: Settings) -> EmailMessage:
    """The mail, which can be refused by one click (RFC 8058)."""
    sender = settings.downloads.mail.sender
    stop_url = f"{data_url(settings)}{stop_path(alert.search)}"
    tokens = {
        "userName": alert.full_name,
        "searchName": alert.search.name,
        "searchId": str(alert.search.id),
        "count": f"{alert.count}{' or more' if alert.more else ''} new match{'' if alert.count == 1 else 'es'}",
        "matches": _listed(alert, data_url(settings)),
        "stopUrl": stop_url,
    }
    message = EmailMessage(SMTP)
    message["From"] = sender
    message["To"] = alert.address
    domain = sender.rpartition("@")[2].rstrip(">").strip() or "localhost"
    message["Message-ID"] = f"<search-{alert.search.id}-{alert.number}-{int(alert.created.timestamp())}@{domain}>"
    message["Subject"] = " ".join(filled(settings.search.saved.subject, tokens).split())
    message["Date"] = format_datetime(alert.created)
    message["Auto-Submitted"] = "auto-generated"
    message["List-Id"] = f"<search-{alert.search.id}.{domain}>"
    message["List-Unsubscribe"] = f"<{stop_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(filled(settings.search.saved.body, tokens))
    return message


def stop_path(search: SavedSearch) -> str:
    """Where mails about a search are refused, by whoever has the key that is in it."""
    return f"/api/searches/{search.id}/stop?key={search.stop_key}"


def _listed(alert: Alert, server_url: str) -> str:
    """The matches, each with its link on a line of its own."""
    lines = []
    for each in alert.matches:
        lines.append(f"{each.kind}: {each.title}")
        if (link := each.link(server_url)) is not None:
            lines.append(f"  {link}")
    others = alert.count - len(alert.matches)
    if others > 0:
        lines.append(f"... and {others}{' or more' if alert.more else ''} others.")
    return "\n".join(lines) + "\n"
