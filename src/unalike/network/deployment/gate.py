"""The door to the outside: nodes reach the Fleet API through it, and nobody reaches anything else.

Flower serves one port for its nodes, its operators and its helpers, and only nodes prove who they
are; whoever reaches the operators' part can run code on every node. So the SuperLink listens to
this machine alone, and the gate passes on only the calls that a node makes.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .admitted_nodes import KEY_HEADER
from .ports import Address
from .server_status import PATH
from .web_server import WebServer

NODE_CALLS = re.compile(
    rb"/v1/fleet/(activate-node|deactivate-node|send-node-heartbeat|pull-messages|push-messages"
    rb"|get-run|get-fab|push-object|pull-object|confirm-message-received)"
)
SELF_REGISTRATION = re.compile(rb"/v1/fleet/(register-node|unregister-node)")
"""What a node without a key does; those with one are registered by the server."""
MAX_REQUEST_BYTES = 16 * 2**20
"""Of one request; Flower cuts what it sends into pieces of 5 MB."""
MAX_HELD_BYTES = 128 * 2**20
"""Of all requests that have not been passed on; a node whose request does not fit asks again."""
MAX_HELD_BY_ONE = 2 * MAX_REQUEST_BYTES
"""The same of one key."""
HOP_BY_HOP = {"host", "content-length", "connection", "transfer-encoding", "content-encoding"}

StatusAnswer = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""What a site is told that asks, see `server_status`."""
Admission = Callable[[Mapping[str, str]], bool]
"""Whether a request with these headers comes from a node that is admitted."""


class Gate:
    """Listens at `sock` and passes the calls of nodes on to the SuperLink at `inner`."""

    def __init__(
        self,
        sock: socket.socket,
        inner: Address,
        *,
        authority: Path | None = None,
        tls: tuple[Path, Path] | None = None,
        status: StatusAnswer = lambda _: {},
        admits: Admission = lambda _: True,
    ) -> None:
        """admits: asked before anything of a node's request is read."""
        self._authority, self._status = authority, status
        self._admits = admits
        self._held: Counter[str] = Counter()  # bytes that are not passed on yet, by key
        self._self_registration = authority is None
        self._inner = f"{'http' if authority is None else 'https'}://{inner}"
        certificate, key = (str(path) for path in tls) if tls else (None, None)
        routes = [
            Route(PATH, self._answer_status, methods=["GET"]),
            Route("/{path:path}", self._forward, methods=["POST"]),
        ]
        self._server = WebServer(
            "gate",
            sock,
            Starlette(routes=routes, lifespan=self._client_lifespan),
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )

    def __enter__(self) -> Gate:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def wait(self) -> None:
        """Until it is closed from elsewhere."""
        self._server.wait()

    @contextlib.asynccontextmanager
    async def _client_lifespan(self, _: Starlette) -> AsyncIterator[None]:
        tls = ssl.create_default_context(cafile=self._authority)
        async with httpx.AsyncClient(
            base_url=self._inner,
            verify=tls,
            trust_env=False,
            timeout=120,
            limits=httpx.Limits(max_connections=200),
        ) as self._client:
            yield

    async def _answer_status(self, request: Request) -> Response:
        return JSONResponse(dict(self._status(request.query_params)))

    async def _forward(self, request: Request) -> Response:
        path = request.scope["raw_path"]
        if SELF_REGISTRATION.fullmatch(path) and not self._self_registration:
            return Response("only with an admitted key", 401)
        if not (NODE_CALLS.fullmatch(path) or SELF_REGISTRATION.fullmatch(path)):
            return Response("not served here", 403)
        if not self._admits(request.headers):
            return Response("only with an admitted key", 401)
        body, who = bytearray(), request.headers.get(KEY_HEADER, "")
        most = MAX_HELD_BY_ONE if who else MAX_HELD_BYTES
        try:
            async for piece in request.stream():
                body += piece
                self._held[who] += len(piece)
                if len(body) > MAX_REQUEST_BYTES:
                    return Response("too much at once", 413)
                if self._held[who] > most or self._held.total() > MAX_HELD_BYTES:
                    return Response("too much from all at once", 503)
            return await self._pass_on(request, path, bytes(body))
        except ClientDisconnect:
            return Response(status_code=400)
        finally:
            self._held[who] -= len(body)
            if self._held[who] <= 0:
                del self._held[who]

    async def _pass_on(self, request: Request, path: bytes, body: bytes) -> Response:
        headers = [(k, v) for k, v in request.headers.items() if k not in HOP_BY_HOP]
        try:
            answer = await self._client.post(path.decode(), content=body, headers=headers)
        except httpx.TransportError:
            return Response("the server is not ready", 503)
        headers_back = {k: v for k, v in answer.headers.items() if k not in HOP_BY_HOP}
        return Response(answer.content, answer.status_code, headers_back)
