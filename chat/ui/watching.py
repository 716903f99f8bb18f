"""What those who run the page ask it: `/health`, whether it lives; `/ready`, whether it would answer; `/metrics`.

Chainlit has a `/health`, too, which knows no HEAD.
"""

from __future__ import annotations

import asyncio
import gc

from chainlit import server
from chainlit.session import ws_sessions_id
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from chat.metrics import METRICS, Now
from chat.readiness import ReadinessProbe
from chat.watchers import may_watch

FRESH = {"Cache-Control": "no-store"}
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def pages() -> list[str]:
    """The sockets of the pages that are connected."""
    return [sid for sid, _ in server.sio.manager.get_participants("/", None)]


async def health(_request: Request) -> Response:
    """It lives."""
    return JSONResponse({"status": "ok"}, headers=FRESH)


def install(probe: ReadinessProbe, metrics_token: SecretStr | None) -> None:
    """Serve them, before Chainlit takes the address for one of its page's; to be called once, while `app.py` loads."""

    async def ready(_request: Request) -> Response:
        found = await probe.now()
        body = {
            "ready": found.ready,
            "reason": found.reason,
            "for_s": round(found.for_s, 1),
            "waiting": found.waiting,
            "queue_limit": probe.queue_limit,
        }
        return JSONResponse(body, 200 if found.ready else 503, FRESH)

    async def metrics(request: Request) -> Response:
        if not may_watch(request.client and request.client.host, request.headers, metrics_token):
            return PlainTextResponse("The metrics are for this machine, or for a token.\n", 403, FRESH)
        found = await probe.now()
        now = Now(len(pages()), len(ws_sessions_id), len(asyncio.all_tasks()), len(gc.get_objects()))
        told = METRICS.told(ready=found.ready, waiting=found.waiting, now=now)
        return Response(told, headers={**FRESH, "Content-Type": PROMETHEUS})

    prefix = server.router.prefix
    asked = {"health": health, "ready": ready, "metrics": metrics}
    server.app.router.routes[:0] = [Route(f"{prefix}/{name}", answer) for name, answer in asked.items()]
