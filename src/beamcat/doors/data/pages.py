"""The pages behind permanent URLs: what there is, with links. They need neither scripts nor other files."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from http import HTTPStatus

from beamcat.store.digests.values import Digests
from beamcat.store.downloads import FileDownload
from beamcat.store.permalinks import LISTED, Listing, Names, file_names

BASE = "/data"
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def listing_page(names: Names, listing: Listing) -> str:
    """The page of an investigation or a dataset."""
    total = listing.total
    count = f"{total.files:,} {'file' if total.files == 1 else 'files'}, {size_text(total.size)}"
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    if names.dataset is None:
        kind, heads = "Investigation", ("Dataset",)
        rows = [(_link(file_names(dataset), dataset.name),) for dataset in listing.datasets]
        what = "datasets"
    else:
        kind, heads = "Dataset", ("File", "Size")
        (dataset,) = listing.datasets
        rows = [
            (_link(file_names(dataset, file.name), file.name), size_text(file.catalogued_size))
            for file in listing.files
        ]
        what = "files"
    more = f"<p>These are the first {LISTED:,} {what}; the Metalink names all.</p>" if len(rows) == LISTED else ""
    actions = "".join(
        f'<a class="button" rel="nofollow" href="{escape(_with_format(names.path, form))}">{label}</a>'
        for form, label in (("zip", "Download ZIP"), ("tar", "Download tar"), ("meta4", "Metalink"))
    )
    table = _table(heads, rows) if rows else "<p>There are no data in it that you may read.</p>"
    return _page(names.last, f"{_head(names, kind)}<p>{count}</p><p>{actions}</p>{table}{more}")


def file_page(names: Names, download: FileDownload, digests: Digests | None) -> str:
    """The page of a datafile."""
    facts = [("Size", f"{size_text(download.size)} ({download.size:,} bytes)")]
    if digests is not None and digests.sha256 is not None:
        facts.append(("SHA-256", f"<code>{digests.sha256.hex()}</code>"))
    told = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    link = escape(_with_format(names.path, "file"))
    action = f'<a class="button" rel="nofollow" href="{link}">Download</a>'
    return _page(names.last, f"{_head(names, 'Datafile')}<dl>{told}</dl><p>{action}</p>")


def problem_page(status: int, message: str) -> str:
    """The page of an error."""
    title = HTTPStatus(status).phrase
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(message)}</p>")


def size_text(size: int | None) -> str:
    """A number of bytes for people."""
    if size is None:
        return "size not known"
    value, unit = float(size), 0
    while value >= 999.95 and unit + 1 < len(UNITS):
        value, unit = value / 1000, unit + 1
    return f"{size} {UNITS[0]}" if unit == 0 else f"{value:.1f} {UNITS[unit]}"


def _head(names: Names, kind: str) -> str:
    around = Names(names.facility, names.investigation, names.visit_id)
    crumbs = [escape(names.facility), _link(around, f"{names.investigation}, visit {names.visit_id}")]
    if names.dataset is not None:
        crumbs.append(_link(Names(*_around(names), names.dataset), names.dataset))
    if names.datafile is not None:
        crumbs.append(escape(names.datafile))
    items = "".join(f"<li>{crumb}</li>" for crumb in crumbs)
    return (
        f'<nav aria-label="Breadcrumb"><ol>{items}</ol></nav>'
        f'<p class="kind">{kind}</p><h1>{escape(names.datafile or names.last)}</h1>'
    )


def _around(names: Names) -> tuple[str, str, str]:
    return names.facility, names.investigation, names.visit_id


def _link(names: Names, text: str) -> str:
    rel = "" if names.datafile is None else 'rel="nofollow" '
    return f'<a {rel}href="{escape(BASE + names.path)}">{escape(text)}</a>'


def _with_format(path: str, form: str) -> str:
    return f"{BASE}{path}{'&' if '?' in path else '?'}format={form}"


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _page(title: str, main: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · Beamcat</title>
<style>{_STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header><a href="/">Beamcat</a></header>
<main id="main">{main}</main>
</body>
</html>
"""


_STYLE = """
:root { color-scheme: light dark; --bg: light-dark(#f5f7f7, #0f1517); --surface: light-dark(#fff, #161e21);
  --line: light-dark(#dae1e2, #2b383c); --text: light-dark(#14211f, #e7edec); --text-2: light-dark(#41525a, #b7c3c6);
  --accent: light-dark(#005f6b, #62c5cf); --on-accent: light-dark(#fff, #05262b);
  --beam: light-dark(#b53f07, #ff9d5c) }
body { margin: 0; background: var(--bg); color: var(--text);
  font: .9375rem/1.5 "Plex Sans", system-ui, "Segoe UI", "Noto Sans", sans-serif }
header { background: var(--surface); border-bottom: 1px solid var(--line); padding: .75rem clamp(1rem, 4vw, 2rem);
  font-weight: 600 }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2rem) 3rem }
h1 { font-size: clamp(1.375rem, 1.1rem + 1.1vw, 1.75rem); line-height: 1.25; margin: 0 0 .75rem;
  overflow-wrap: anywhere }
a { color: var(--accent) } header a { text-decoration: none }
:focus-visible { outline: 2px solid var(--beam); outline-offset: 2px }
nav ol { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem .5rem; padding: 0; margin: 0 0 1rem;
  font-size: .875rem }
nav li + li::before { content: "/"; color: var(--text-2); margin-right: .5rem }
.kind { margin: 0; color: var(--text-2); font-size: .8125rem }
.button { display: inline-block; margin: 0 .5rem .5rem 0; padding: .45rem .9rem; border-radius: 7px;
  border: 1px solid var(--accent); text-decoration: none; font-weight: 600 }
.button:first-child { background: var(--accent); color: var(--on-accent) }
table { width: 100%; border-collapse: collapse; background: var(--surface); border: 1px solid var(--line) }
th, td { text-align: left; padding: .4375rem .75rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
th { font-size: .75rem; color: var(--text-2) } td + td, th + th { text-align: right; white-space: nowrap }
dt { font-size: .8125rem; color: var(--text-2) } dd { margin: 0 0 .75rem; overflow-wrap: anywhere }
.skip { position: absolute; left: -99rem } .skip:focus { left: 1rem; top: .5rem }
"""
