"""An application at an address of this machine, for tests that need a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import make_server


@contextmanager
def serving(app: Flask, name: str = "127.0.0.1") -> Iterator[str]:
    """The address as long as the context lasts, forms with their tokens. ``name``: the machine's, in the address."""
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{name}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
