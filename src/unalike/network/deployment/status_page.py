"""A page, a health check and Prometheus metrics of a running federation: read only.

    /               the page; it needs nothing from elsewhere
    /status.json    what it shows
    /health         200 while the study goes on or has finished, 503 once it has failed
    /metrics        for Prometheus

Names and remarks come from sites. They reach the page as text and never as markup.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .federation_state import FederationState
from .web_server import WebServer

PARTS = {"": "text/html", "status.css": "text/css", "status.js": "text/javascript"}
HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class StatusPage:
    """Shows a federation at `sock` while it goes on."""

    def __init__(self, sock: socket.socket, state: FederationState) -> None:
        self._state = state
        self._registry = CollectorRegistry()
        self._registry.register(FederationMetrics(state))
        templates = files("unalike.network.deployment") / "templates"
        self._parts = {name: (templates / (name or "status.html")).read_bytes() for name in PARTS}
        routes = [Route(f"/{name}", self._part, methods=["GET"]) for name in PARTS]
        routes += [
            Route("/status.json", self._status, methods=["GET"]),
            Route("/health", self._health, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]
        self._server = WebServer("status page", sock, Starlette(routes=routes))

    def __enter__(self) -> StatusPage:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    async def _part(self, request: Request) -> Response:
        name = request.url.path.lstrip("/")
        return Response(self._parts[name], media_type=PARTS[name], headers=HEADERS)

    async def _status(self, _: Request) -> Response:
        return JSONResponse(self._state.snapshot(), headers=HEADERS)

    async def _health(self, _: Request) -> Response:
        status = self._state.snapshot()["status"]
        code = 503 if status == "failed" else 200
        return JSONResponse({"status": status}, status_code=code, headers=HEADERS)

    async def _metrics(self, _: Request) -> Response:
        content = generate_latest(self._registry)
        return Response(content, headers={**HEADERS, "content-type": CONTENT_TYPE_LATEST})


class FederationMetrics(Collector):
    """A federation's state as Prometheus asks for it."""

    def __init__(self, state: FederationState) -> None:
        self._state = state

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        known: dict[str, Any] = self._state.snapshot()
        rounds = CounterMetricFamily("unalike_rounds", "Rounds done since the start.")
        rounds.add_metric([], known["rounds"])
        yield rounds
        moved = CounterMetricFamily("unalike_bytes", "Bytes of messages.", labels=["way"])
        for way, count in known["bytes"].items():
            moved.add_metric([way], count)
        yield moved
        running = GaugeMetricFamily("unalike_failed", "1 once the study has failed.")
        running.add_metric([], float(known["status"] == "failed"))
        yield running
        here = GaugeMetricFamily("unalike_site_here", "Whether a site is there.", labels=["site"])
        missed = CounterMetricFamily(
            "unalike_site_missed_rounds", "Rounds without a site's answer.", labels=["site"]
        )
        score = GaugeMetricFamily(
            "unalike_site_score", "The main measure of a site's model, as told.", labels=["site"]
        )
        for site in known["sites"]:
            here.add_metric([site["name"]], float(site["here"]))
            missed.add_metric([site["name"]], site["missed"])
            if site["value"] is not None:
                score.add_metric([site["name"]], site["value"])
        yield from (here, missed, score)
