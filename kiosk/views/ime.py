"""The on-screen keyboard: its layouts, candidates for pinyin, the shuffled pad. Nothing typed is kept or logged."""

from __future__ import annotations

import re
import threading

from flask import Blueprint, abort, current_app, render_template, request
from werkzeug.wrappers import Response

from kiosk.catalogue import places
from kiosk.ime.build import index_path
from kiosk.ime.engine import PAGE, Engine, clean
from kiosk.ime.pinpad import pads
from kiosk.views.frame import house

blueprint = Blueprint("ime", __name__, url_prefix="/ime")
LAYOUTS = ("zh", "latin", "email", "digits", "id")
_LAST_PAGE = 60
_FULL_FORM = re.compile("(省|市|(壮族|回族|维吾尔)?自治区|特别行政区)$")
_loading = threading.Lock()


def engine() -> Engine:
    """The engine of this application, loaded when it is first asked for. Raises ``DictionaryMissing``."""
    with _loading:
        if "ime" not in current_app.extensions:
            current_app.extensions["ime"] = Engine(index_path(house().settings.home / "ime", place_names()))
        found: Engine = current_app.extensions["ime"]
        return found


def place_names() -> list[str]:
    """All provinces, and the cities and counties the catalogue knows."""
    names, parents = [], list(places.provinces())
    while parents:
        place = parents.pop()
        names.append(place.name)
        parents.extend(places.children(place.code))
    return names


@blueprint.post("")
def candidates() -> str:
    """One page of candidates for ``py``. Sent as a form, so that names do not stand in addresses."""
    letters = clean(request.form.get("py", "", str))
    page = min(max(request.form.get("page", 0, int), 0), _LAST_PAGE)
    found = engine().ranked(letters, (page + 1) * PAGE + 1)
    shown = found[page * PAGE : (page + 1) * PAGE]
    return render_template(
        "ime/_candidates.html",
        letters=letters,
        reading=engine().reading(letters),
        candidates=[(candidate.text, letters[candidate.consumed :]) for candidate in shown],
        page=page,
        more=len(found) > (page + 1) * PAGE,
    )


@blueprint.get("/keyboard/<layout>")
def keyboard(layout: str) -> str | Response:
    """The keys of one layout."""
    if layout not in LAYOUTS:
        abort(404)
    return render_template(f"ime/{layout}.html")


@blueprint.get("/keyboard/pin")
def pin_pad() -> str:
    """A shuffled pad of its own for each field; see :mod:`kiosk.ime.pinpad`."""
    return render_template("ime/pin.html", pad=pads.new())


def _short(province: str) -> str:
    """``广西`` for ``广西壮族自治区``: what people call it, and what fits on a key."""
    return _FULL_FORM.sub("", province)


@blueprint.get("/keyboard/place")
def place_picker() -> str:
    """Provinces, or what lies in the place ``in`` (GB/T 2260 code)."""
    code = request.args.get("in", "")
    found = places.children(code) if code else places.provinces()
    if code and not found:
        abort(404)
    return render_template(
        "ime/place.html",
        code=code,
        found=found,
        open={place.code for place in found if places.children(place.code)},
        short=_short,
        prefix=places.full_name(code) if code else "",
    )
