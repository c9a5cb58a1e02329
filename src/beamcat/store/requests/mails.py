"""What mails about downloads say: templates of the settings, their tokens filled in."""

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
    """The mail that it is ready."""
    transport = settings.transport.get(download.transport)
    body = (transport and transport.mail_body) or settings.mail.body
    own_url = transport.ids_url if transport is not None else None
    tokens = tokens_of(download, custom_value, own_url or data_url)
    message = _to_owner(download, settings.mail.sender, "")
    message["Subject"] = _LINE_BREAKS.sub(" ", filled(settings.mail.subject, tokens))
    message["Date"] = format_datetime(download.completed or download.created)
    message.set_content(filled(body, tokens))
    return message


def reminder_of(download: Download, settings: DownloadSettings, data_url: str) -> EmailMessage:
    """The mail that it has come to a stop, which can be refused by one click (RFC 8058)."""
    transport = settings.transport.get(download.transport)
    own_url = transport.ids_url if transport is not None else None
    stop_url = f"{data_url.rstrip('/')}/topcat/reminders/stop?preparedId={download.prepared}"
    tokens = {
        **tokens_of(download, "", own_url or data_url),
        "delivered": human(download.delivered.bytes),
        "stopUrl": stop_url,
    }
    message = _to_owner(download, settings.mail.sender, "-stopped")
    message["Subject"] = _LINE_BREAKS.sub(" ", filled(settings.mail.reminder_subject, tokens))
    message["Date"] = format_datetime(download.reminded or download.created)
    message["List-Unsubscribe"] = f"<{stop_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(filled(settings.mail.reminder_body, tokens))
    return message


def _to_owner(download: Download, sender: str, about: str) -> EmailMessage:
    """A mail with the same Message-ID however often it is made, so that mail systems know it again."""
    assert download.email is not None
    message = EmailMessage(SMTP)
    message["From"] = sender
    message["To"] = download.email
    domain = sender.rpartition("@")[2].rstrip(">").strip() or "localhost"
    message["Message-ID"] = f"<download-{download.id}-{int(download.created.timestamp())}{about}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


def tokens_of(download: Download, custom_value: str, data_url: str) -> Mapping[str, str]:
    """What stands for the tokens of templates. `data_url` is that of the data service, without `/ids`."""
    prepared = str(download.prepared or "")
    url = f"{data_url.rstrip('/')}/ids/getData?preparedId={prepared}&outname={quote(download.file_name, safe='')}"
    suffix = ".tar" if download.form == "tar" else ".zip"
    file = download.file_name if download.file_name.endswith(suffix) else f"{download.file_name}{suffix}"
    named = shlex.quote(file.replace("/", "_").lstrip("-"))
    return {
        "userName": download.full_name,
        "email": download.email or "",
        "facilityName": download.facility,
        "preparedId": prepared,
        "fileName": download.file_name,
        "size": human(download.size),
        "downloadUrl": url,
        "pageUrl": f"{data_url.rstrip('/')}/downloads/{prepared}",
        "metalinkUrl": f"{data_url.rstrip('/')}/ids/getMetalink?preparedId={prepared}",
        "resumeCommand": f"curl -C - -o {named} {shlex.quote(url)}",
        "ariaCommand": f"aria2c -c -x8 -s8 -k16M --retry-wait=60 --max-tries=0 -o {named} {shlex.quote(url)}",
        "beamcatCommand": f"beamcat get --server {shlex.quote(data_url.rstrip('/'))} {prepared}",
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
