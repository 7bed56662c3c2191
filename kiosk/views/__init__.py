"""Blueprints: what a browser may ask."""

from __future__ import annotations

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from htmx_flask import Htmx

from kiosk.views import admin, api, assets, bench, clerk, errors, frame, home, ime, journey, notify, query, voice
from kiosk.views.admin import centre
from kiosk.views.language import babel, locale

csrf = CSRFProtect()
htmx = Htmx()


def init(app: Flask) -> None:
    csrf.init_app(app)
    htmx.init_app(app)
    babel.init_app(app, locale_selector=locale, default_locale="zh", default_timezone="Asia/Shanghai")
    frame.init(app)
    assets.init(app)
    errors.init(app)
    clerk.init(app)
    if app.extensions["house"].settings.role == "centre":
        for blueprint in (api.blueprint, centre.blueprint, centre.front_door):
            app.register_blueprint(blueprint)
        csrf.exempt(api.blueprint)
        return
    for room in (home, journey, query, ime, voice, notify, clerk, admin):
        app.register_blueprint(room.blueprint)
    csrf.exempt(notify.blueprint)
    if app.extensions["house"].settings.simulators:
        app.register_blueprint(bench.blueprint)
