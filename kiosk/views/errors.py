"""When something cannot be served: one plain page that says what to do next."""

from __future__ import annotations

import logging

from flask import Flask, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from kiosk.views.frame import house
from kiosk.views.language import gettext as _

log = logging.getLogger("kiosk.web")
TARGET = {"HX-Retarget": "#page", "HX-Reselect": "#page", "HX-Reswap": "outerHTML"}


def _page(title: str, text: str, status: int) -> tuple[str, int, dict[str, str]]:
    template = "admin/refused.html" if house().settings.role == "centre" else "home/refused.html"
    return render_template(template, title=title, text=text), status, TARGET


def _csrf(error: CSRFError) -> tuple[str, int, dict[str, str]]:
    return _page(_("页面已失效"), _("为了安全，请返回首页重新开始。"), 400)


def _http(error: HTTPException) -> tuple[str, int, dict[str, str]]:
    if error.code == 404:
        return _page(_("没有这个页面"), _("请返回首页，重新选择要办理的业务。"), 404)
    if error.code == 413:
        return _page(_("内容太大"), _("请返回上一步，重新操作。"), 413)
    return _page(_("无法完成"), _("请返回首页重试，或呼叫工作人员。"), error.code or 500)


def _crash(error: Exception) -> tuple[str, int, dict[str, str]]:
    log.exception("request %s failed", request.endpoint)
    return _page(_("系统出错了"), _("已填写的内容没有丢失。请稍后重试，或呼叫工作人员。"), 500)


def init(app: Flask) -> None:
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    if not app.testing:
        app.register_error_handler(Exception, _crash)
