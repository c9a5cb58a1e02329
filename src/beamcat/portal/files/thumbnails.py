"""The small picture of a dataset."""

from __future__ import annotations

from hashlib import sha256

from starlette.responses import Response

from beamcat.portal.page import Asking

KEPT = "private, max-age=600"
KEPT_SHORTLY = "private, max-age=30"
PLACEHOLDER = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240" width="320" height="240">\
<rect width="320" height="240" fill="#8a94a6" fill-opacity=".14"/>\
<path d="M60 168c24 0 30-8 44-8s20-76 34-76 20 66 34 66 16-34 28-34 18 44 32 44 18-6 28-6" fill="none" \
stroke="#8a94a6" stroke-opacity=".55" stroke-width="4" stroke-linejoin="round"/></svg>"""
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Vary": "Cookie",
}


async def thumbnail(asking: Asking) -> Response:
    """GET /thumbnails/{id}: the picture, or a quiet one in its place where there is none."""
    found = await asking.core.thumbnails.find(asking.visitor.reader, asking.id_of())
    content = PLACEHOLDER.encode() if found is None else found.content
    media_type = "image/svg+xml" if found is None else found.media_type
    tag = f'"{sha256(content).hexdigest()[:20]}"'
    headers = {**SAFE, "Cache-Control": KEPT_SHORTLY if found is None else KEPT, "ETag": tag}
    if tag in asking.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)
