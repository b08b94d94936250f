"""Where upstreams tell that a job has changed.

What they say is not believed: a push is only a reason to poll now. Its address is unguessable and
of one submit alone, so it needs no signature of the vendor's.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from reelgate.http.auth import context_of

router = APIRouter(prefix="/v1/pushes", include_in_schema=False)


@router.post("/{video_id}/{marker}")
async def push(video_id: str, marker: str, request: Request) -> Response:
    """204, whether or not there is such a job: nobody learns anything here."""
    await context_of(request).service.pushed(video_id, marker)
    return Response(status_code=204)
