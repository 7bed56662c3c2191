"""``python -m kiosk.serve``: the web process, on waitress."""

from __future__ import annotations

import logging

import waitress

from kiosk import config, create_app, notify_systemd
from kiosk.fleet import months
from kiosk.worker import retention


def main() -> None:
    """Serve until stopped. One process for each kiosk: SQLite has one writer at a time."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    settings = config.load()
    app = create_app(settings)
    with app.test_request_context():  # templates compiled before the first person comes
        app.jinja_env.get_template("base.html")
    if settings.role == "centre":
        months.tend(app)
        retention.tend(app)
    notify_systemd.watch_web(f"http://{settings.host}:{settings.port}/")
    waitress.serve(app, host=settings.host, port=settings.port, threads=settings.threads, ident=None)


if __name__ == "__main__":
    main()
