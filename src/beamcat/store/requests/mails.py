"""What a mail about a finished download says: a template of the settings, its tokens filled in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import quote

from beamcat.config import DownloadSettings
from beamcat.store.requests.downloads import Download

_TOKEN = re.compile(r"\$\{(\w+)\}", re.ASCII)
_UNITS = ("kB", "MB", "GB", "TB", "PB")
_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f]+")


def mail_about(download: Download, custom_value: str, settings: DownloadSettings, data_url: str) -> EmailMessage:
    """The mail. It has the same Message-ID however often it is made, so that mail systems know it again."""
    transport = settings.transport.get(download.transport)
    body = (transport and transport.mail_body) or settings.mail.body
    own_url = transport.ids_url if transport is not None else None
    tokens = tokens_of(download, custom_value, own_url or data_url)
    assert download.email is not None
    message = EmailMessage(SMTP)
    message["From"] = settings.mail.sender
    message["To"] = download.email
    message["Subject"] = _LINE_BREAKS.sub(" ", filled(settings.mail.subject, tokens))
    message["Date"] = format_datetime(download.completed or download.created)
    domain = settings.mail.sender.rpartition("@")[2].rstrip(">").strip() or "localhost"
    message["Message-ID"] = f"<download-{download.id}-{int(download.created.timestamp())}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(filled(body, tokens))
    return message


def tokens_of(download: Download, custom_value: str, data_url: str) -> Mapping[str, str]:
    """What stands for the tokens of templates. `data_url` is that of the data service, without `/ids`."""
    prepared = str(download.prepared or "")
    url = f"{data_url.rstrip('/')}/ids/getData?preparedId={prepared}&outname={quote(download.file_name, safe='')}"
    file = download.file_name if download.file_name.endswith(".zip") else f"{download.file_name}.zip"
    return {
        "userName": download.full_name,
        "email": download.email or "",
        "facilityName": download.facility,
        "preparedId": prepared,
        "fileName": download.file_name,
        "size": human(download.size),
        "downloadUrl": url,
        "resumeCommand": f"curl -C - -o {shlex.quote(file.replace('/', '_').lstrip('-'))} {shlex.quote(url)}",
        "customValue": custom_value,
    }


def filled(template: str, tokens: Mapping[str, str]) -> str:
    """The template with its tokens filled in, once; what is no token stays."""
    return _TOKEN.sub(lambda match: tokens.get(match[1], match[0]), template)


def human(size: int) -> str:
    """A size in bytes for people."""
    if size < 0:
        return "unknown size"
    if size < 1000:
        return f"{size} bytes"
    value = float(size)
    for unit in _UNITS:
        value /= 1000
        if value < 999.95 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}"
