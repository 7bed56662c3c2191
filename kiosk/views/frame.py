"""What every page has: the frame's facts, strict headers, no caching."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, request, session
from flask.templating import Environment as FlaskEnvironment
from flask_wtf.csrf import generate_csrf
from jinja2 import pass_context
from markupsafe import Markup, escape

from kiosk.db import BEIJING, now
from kiosk.orders.book import House
from kiosk.views import visit, voice
from kiosk.views.language import in_template, locale, plural_in_template

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


@dataclass(frozen=True)
class Ui:
    """What the visitor chose and what the frame shows."""

    lang: str
    elder: bool
    low: bool
    voice: bool
    hall_name: str
    hotline: str
    now: str
    idle: int
    bench: bool


def house() -> House:
    found: House = current_app.extensions["house"]
    return found


def _ui() -> Ui:
    settings = house().settings
    order = visit.order()
    scheme = house().catalogue.schemes.get(order.scheme if order else settings.hall)
    hotline = scheme.hotlines[0].number if scheme and scheme.hotlines else "400-6682-666"
    return Ui(
        lang=locale(),
        elder=bool(session.get("elder")),
        low=bool(session.get("low")),
        voice=bool(session.get("voice", voice.recorded())),
        hall_name=settings.hall_name,
        hotline=hotline,
        now=f"{now().astimezone(BEIJING):%Y-%m-%d %H:%M}",
        idle=90,
        bench=settings.simulators,
    )


def _context() -> dict[str, Any]:
    return {"ui": _ui(), "spoken": voice.spoken}


class Environment(FlaskEnvironment):
    """Templates see one plain dictionary of globals: comparing Jinja's chained one at each import costs a third of a
    page.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}


def _parts(app: Flask) -> Callable[[Any, str], Markup]:
    """``frame_part`` for templates: the parts of the frame that are the same for everybody with the same language and
    look, drawn once. Only the form token and the page's address differ.
    """
    known: dict[tuple[object, ...], str] = {}
    csrf, here = "@form-token@", "@address@"

    @pass_context
    def part(context: Any, name: str) -> Markup:
        ui: Ui = context["ui"]
        key = (name, ui.lang, ui.elder, ui.low, ui.voice, ui.hall_name, ui.hotline)
        if key not in known or app.config["TEMPLATES_AUTO_RELOAD"]:
            template = app.jinja_env.get_template(f"_frame/{name}.html")
            known[key] = template.render(ui=ui, here=here, token=csrf)
        text = known[key]
        if csrf in text:
            text = text.replace(csrf, escape(generate_csrf())).replace(here, escape(request.path))
        return Markup(text)  # noqa: S704 - drawn by an escaping template; what is put in is escaped above

    return part


def _headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "HX-Request"
    return response


def _addresses(app: Flask) -> Callable[..., str]:
    """``url_for`` for templates, which remembers the addresses that never change: pages without a name in them,
    and files.
    """
    known: dict[tuple[str, str], str] = {}

    def address(endpoint: str, **values: Any) -> str:
        names = set(values)
        if endpoint.startswith("."):  # relative to the request's own blueprint
            return app.url_for(endpoint, **values)
        if names and not (endpoint == "static" and names == {"filename"}):
            return app.url_for(endpoint, **values)
        key = (endpoint, values.get("filename", ""))
        if key not in known:
            known[key] = app.url_for(endpoint, **values)
        return known[key]

    return address


def init(app: Flask) -> None:
    app.jinja_env.globals["url_for"] = _addresses(app)
    app.jinja_env.globals["frame_part"] = _parts(app)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=in_template, ngettext=plural_in_template, newstyle=True
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["yuan"] = lambda fen: "" if fen is None else f"{fen // 100}.{fen % 100:02d}"
    app.context_processor(_context)
    app.before_request(visit.look)
    app.after_request(_headers)
