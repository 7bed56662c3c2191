"""Static files: each under an address with its digest, kept by the browser for good, compressed when first asked for.

Nothing is written beside the files, so nothing can be stale: a file that was changed on the disk is read anew.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, abort, request
from werkzeug.security import safe_join
from werkzeug.wrappers import Response

TEXT = ("text/", "application/javascript", "application/json", "image/svg+xml")
FOR_GOOD = 365 * 24 * 3600
LEVEL = 9


@dataclass(frozen=True)
class Asset:
    """One file: ``digest`` is the start of its SHA-256; ``packed`` is its gzip, None where that saves nothing."""

    stamp: tuple[int, int]
    kind: str
    digest: str
    plain: bytes
    packed: bytes | None


class Assets:
    """The files of one folder, read when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._known: dict[str, Asset] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Asset | None:
        """The file of that name below the folder; None when there is none."""
        found = safe_join(self._folder, name)
        if found is None or not (path := Path(found)).is_file():
            return None
        state = path.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        asset = self._known.get(name)
        if asset is None or asset.stamp != stamp:
            asset = _read(path, stamp)
            with self._lock:
                self._known[name] = asset
        return asset


def _read(path: Path, stamp: tuple[int, int]) -> Asset:
    plain = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = gzip.compress(plain, LEVEL, mtime=0) if kind.startswith(TEXT) else plain
    digest = hashlib.sha256(plain).hexdigest()[:10]
    return Asset(stamp, kind, digest, plain, packed if len(packed) < len(plain) else None)


def _serve(assets: Assets, name: str) -> Response:
    asset = assets.get(name)
    if asset is None:
        abort(404)
    small = asset.packed is not None and request.accept_encodings.quality("gzip") > 0
    response = Response(asset.packed if small else asset.plain, mimetype=asset.kind)
    if small:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.set_etag(f"{asset.digest}{'-gz' if small else ''}")
    current = request.args.get("v") == asset.digest
    response.headers["Cache-Control"] = f"public, max-age={FOR_GOOD}, immutable" if current else "no-cache"
    return response.make_conditional(request)


def init(app: Flask) -> None:
    assets = Assets(Path(app.static_folder or ""))

    @app.url_defaults
    def address(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values and (asset := assets.get(values.get("filename", ""))):
            values["v"] = asset.digest

    def serve(filename: str) -> Response:
        return _serve(assets, filename)

    app.view_functions["static"] = serve
