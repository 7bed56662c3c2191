"""The operator's catalogue: edit, keep as a draft, have a second person publish it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.catalogue.errors import CatalogueError
from kiosk.db import db, write
from kiosk.orders import editing, editing_parts
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import CatalogueDraft, Clerk
from kiosk.views.clerk import texts
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

OFFICE = ("admin",)
READERS = ("admin", "auditor")


def agreements() -> dict[str, str]:
    """Code and title of every agreement of the schemes."""
    found = {
        code: one.title for scheme in house().catalogue.schemes.values() for code, one in scheme.agreements.items()
    }
    return dict(sorted(found.items()))


@page("/catalogue", *READERS, places=OFFICE)
def catalogue() -> str:
    rows = editing.drafts(db.session())
    here = house().catalogue
    return render_template(
        "admin/catalogue.html", schemes=here.schemes, agreements=agreements(), version=here.version, rows=rows
    )


@page("/catalogue/scheme/<code>", "admin", places=OFFICE)
def edit_scheme(code: str) -> str:
    scheme = house().catalogue.schemes.get(code)
    if scheme is None:
        raise NotFound
    text = editing.shelf_of(house()).text(f"{code}.toml")
    hours, notes = editing.notices(text)
    library = _library()
    return render_template(
        "admin/scheme.html",
        scheme=scheme,
        fees=editing.fees(text),
        hours_text=hours,
        notes=notes,
        lines=editing_parts.lines(text),
        materials=editing_parts.materials(text, library),
        library={code: one.get("name", code) for code, one in library.items()},
    )


def _library() -> dict[str, Any]:
    return editing_parts.library_of(editing.shelf_of(house()).text("library.toml"))


@page("/catalogue/agreement/<code>", "admin", places=OFFICE)
def edit_agreement(code: str) -> str:
    found = next((s.agreements[code] for s in house().catalogue.schemes.values() if code in s.agreements), None)
    if found is None:
        raise NotFound
    return render_template("admin/agreement.html", agreement=found, body="\n\n".join(found.text))


@page("/catalogue/scheme/<code>", "admin", places=OFFICE, post=True)
def draft_scheme(code: str) -> Response:
    if code not in house().catalogue.schemes:
        raise NotFound
    text = editing.shelf_of(house()).text(f"{code}.toml")
    return _draft(f"{code}.toml", lambda: editing.edited_scheme(text, request.form, _library()), ".edit_scheme", code)


@page("/catalogue/agreement/<code>", "admin", places=OFFICE, post=True)
def draft_agreement(code: str) -> Response:
    if code not in agreements():
        raise NotFound
    form = request.form
    title, version, body = form.get("title", ""), form.get("version", ""), form.get("body", "")[:60_000]
    sample = form.get("sample") == "yes"
    return _draft(
        f"agreements/{code}.md",
        lambda: editing.edited_agreement(title, version, body, sample),
        ".edit_agreement",
        code,
    )


def _draft(file: str, made: Callable[[], str], back: str, code: str) -> Response:
    clerk_id = me().id
    try:
        content = made()
        with write() as session:
            row = editing.draft(session, house(), session.get_one(Clerk, clerk_id), file, content)
            number = row.id
    except DeskRefused as error:
        refused(error.code)
        return redirect(url_for(back, code=code), 303)
    except CatalogueError as error:
        flash(_("内容不合要求：%(why)s", why=str(error)), "bad")
        return redirect(url_for(back, code=code), 303)
    flash(_("草稿已保存，等待另一人发布。"), "good")
    return redirect(url_for(".draft", number=number), 303)


@page("/catalogue/draft/<int:number>", *READERS, places=OFFICE)
def draft(number: int) -> str:
    """What the draft changes, line by line, against what is in force."""
    row = db.session.get(CatalogueDraft, number)
    if row is None:
        raise NotFound
    now = editing.shelf_of(house()).text(row.file).splitlines()
    lines = [
        line for line in difflib.unified_diff(now, row.content.splitlines(), lineterm="", n=1) if line[:3] not in MARKS
    ]
    return render_template("admin/draft.html", row=row, lines=lines, own=row.by_id == me().id)


MARKS = ("---", "+++")


@page("/catalogue/draft/<int:number>", "admin", places=OFFICE, post=True)
def decide_draft(number: int) -> Response:
    clerk_id, publish = me().id, request.form.get("decision") == "approve"
    try:
        with write() as session:
            row = session.get(CatalogueDraft, number)
            if row is None:
                raise DeskRefused("already_decided")
            editing.decide(session, house(), session.get_one(Clerk, clerk_id), row, publish)
    except DeskRefused as error:
        flash(texts.say(texts.REFUSALS, error.code), "bad")
        return redirect(url_for(".draft", number=number), 303)
    flash(_("已发布，新开的业务单按新版本办理。") if publish else _("已拒绝。"), "good")
    return redirect(url_for(".catalogue"), 303)
