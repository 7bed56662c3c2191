"""Routes of the steps: show one, take its answer, poll a device, leave."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kiosk.orders import journey
from kiosk.orders.states import State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.journey import pages
from kiosk.views.journey.context import Walk, changing, go, reading, where, with_order
from kiosk.views.journey.fields import step_address
from kiosk.views.language import gettext as _

blueprint = Blueprint("journey", __name__)


@blueprint.get("/o")
@with_order()
def resume() -> BaseResponse:
    """Where the person has to go on."""
    order = visit.order()
    assert order is not None
    return redirect(where(order))


def _reachable(walk: Walk, code: str) -> bool:
    """Steps up to the first open one may be opened; what comes after it not yet."""
    codes = [step.code for step in walk.way]
    open_step = journey.first_open(walk.house, walk.order, walk.data, walk.way)
    return code in codes and codes.index(code) <= codes.index(open_step.code)


@blueprint.get("/o/<code>")
@with_order(State.DRAFT)
def step(code: str) -> str | BaseResponse:
    walk = reading(code)
    if walk.step.code != code or not _reachable(walk, code):
        return redirect(url_for("journey.step", code=reading().step.code))
    return _draw(walk, pages.PAGES[walk.step.kind].context(walk))


def _draw(walk: Walk, context: dict[str, object]) -> str:
    page = pages.PAGES[walk.step.kind]
    shared = {
        "walk": walk,
        "step": walk.step,
        "progress": walk.progress(),
        "back": url_for("journey.step", code=walk.back_code) if walk.back_code else None,
        "errors": {},
        "from_check": request.values.get("from") == "check",
    }
    return render_template(page.template, **{**shared, **context})


@blueprint.post("/o/<code>")
@with_order(State.DRAFT)
def answer(code: str) -> str | Response | BaseResponse:
    """Take the answer of a step; on to the next one, or the same page again with what is wrong."""
    with changing(code) as walk:
        if walk.step.code != code or not _reachable(walk, code):
            return redirect(url_for("journey.resume"), 303)
        refused = pages.PAGES[walk.step.kind].submit(walk, request.form)
        if refused is None:
            return redirect(_onward(walk, code), 303)
    visit.nudge()
    if not refused:
        return redirect(url_for("journey.step", code=code), 303)
    shown = reading(code)
    return make_response(_draw(shown, {**pages.PAGES[shown.step.kind].context(shown), **refused}), 422)


def _onward(walk: Walk, code: str) -> str:
    """The following step; back to the check page when the person came from there and nothing else is open."""
    order = walk.order
    if order.state != State.DRAFT:
        visit.nudge()
        return url_for("journey.resume")
    walk.refresh()
    open_step = journey.first_open(walk.house, order, walk.data, walk.way)
    if request.form.get("from") == "check" or order.note == "rejected":
        pages.PAGES[open_step.kind].enter(walk, open_step)
        return step_address(open_step.code, from_check=open_step.kind != "check")
    codes = [item.code for item in walk.way]
    following = codes[min(codes.index(code) + 1, len(codes) - 1)] if code in codes else open_step.code
    target = next(item for item in walk.way if item.code == following)
    pages.PAGES[target.kind].enter(walk, target)
    return url_for("journey.step", code=following)


@blueprint.get("/o/<code>/wait")
@with_order(State.DRAFT)
def wait(code: str) -> str | BaseResponse:
    """The polled fragment of a page that waits for a device."""
    walk = reading(code)
    if walk.step.code != code:
        return go(url_for("journey.resume"))
    context = pages.PAGES[walk.step.kind].context(walk)
    if context.get("status") != "waiting":
        return go_to_page(url_for("journey.step", code=code))
    return render_template("journey/_waiting.html", walk=walk, step=walk.step, **context)


def go_to_page(address: str) -> BaseResponse:
    """End of a poll: the whole page is drawn anew, without a reload."""
    location = f'{{"path":"{address}","target":"#page","select":"#page","swap":"outerHTML"}}'
    return BaseResponse(status=200, headers={"HX-Location": location, "HX-Reswap": "none"})


@blueprint.get("/o/<code>/picture")
@with_order(State.DRAFT)
def picture(code: str) -> BaseResponse:
    """The picture of this order's own material, faults marked."""
    walk = reading(code)
    found = journey.newest_pictures(walk.order).get(walk.step.arg) if walk.step.kind == "material" else None
    if walk.step.code != code or found is None or not (found.shown or found.picture):
        abort(404)
    content = house().get_file(walk.order, found.shown or found.picture or "")
    return BaseResponse(content, mimetype="image/jpeg" if content[:2] == b"\xff\xd8" else "image/png")


@blueprint.post("/leave")
def leave() -> BaseResponse:
    """退出: wipe session, screen and what was filled in; what is paid goes on."""
    order = visit.order()
    paid = order is not None and order.state not in (State.DRAFT, State.VOID)
    used = order is not None and bool({"card", "token"} & house().data(order).keys())
    visit.wipe()
    visit.nudge()
    if paid and order is not None and order.state != State.DONE:
        flash(_("业务仍在办理，可凭身份证在本机继续。"))
    if request.form.get("reason") == "timeout":
        flash(_("长时间没有操作，已为您退出。未付款的内容已清除。"))
    if used:
        flash(_("请取走您的身份证、UKey 和原件。"))
    return redirect(url_for("home.index"), 303)
