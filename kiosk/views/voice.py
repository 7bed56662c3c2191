"""Spoken prompts: a caption for every page, and the operator's recording of it where there is one.

A recording lies in ``<KIOSK_HOME>/voice/<zh|en>/<slot>.<opus|ogg|mp3|m4a|wav>``. None is shipped. With a recording for
any page 语音 is on from the start, without any it shows captions once it is tapped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, abort, current_app, send_file, url_for
from werkzeug.wrappers import Response

from kiosk.views.language import gettext as _
from kiosk.views.language import locale

blueprint = Blueprint("voice", __name__)
FORMATS = {
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
}
CAPTIONS = {
    "home": "点一下要办理的业务。没办完的，点“查询与继续办理”。",
    "service": "请先看要带的材料，齐了再开始。",
    "agreement": "请阅读，用右边的箭头翻页。同意就打勾，再点下一步。",
    "notes": "请看清楚，打勾后点下一步。",
    "id_card": "请把身份证平放在读卡区，等读完再拿开。",
    "role": "请选择您是本人，还是受委托来办理。",
    "token": "请插入要办理的 UKey，只插一个。",
    "blank_token": "请插入新的 UKey，只插一个。",
    "pin": "请输入 UKey 密码。数字的位置每次都会变。",
    "new_pin": "请设置 UKey 密码，输入两次，请记牢。",
    "number": "请输入证件号码。",
    "sms": "请用手机收验证码，再输入六位数字。",
    "certificate": "请选择要办理的证书。",
    "cause": "请选择原因。",
    "term": "请选择使用几年，价格写在旁边。",
    "form": "请填写空着的内容。点一下空格，键盘会出来。",
    "material": "请把材料正面朝下放在玻璃上，盖好盖子，点开始扫描。",
    "warning": "请再想一想。办理后不能恢复。",
    "check": "请核对，有错点修改。没有错，请在框内签名。",
    "way": "请选择查询方式。",
    "history": "这里是您办过的业务。没办完的，可以继续。",
    "pay": "请选择付款方式，或按屏幕上的提示付款。",
    "work": "正在办理，请不要拔出 UKey。",
    "done": "办好了。请取走身份证、UKey、原件和凭条，再点完成。",
}


def _folder() -> Path:
    home: Path = current_app.extensions["house"].settings.home
    return home / "voice"


def find(language: str, slot: str) -> Path | None:
    """The recording of a slot in a language; None when there is none."""
    paths = (_folder() / language / f"{slot}{ending}" for ending in FORMATS)
    return next((path for path in paths if path.is_file()), None)


def recorded() -> bool:
    """Whether the operator has recorded anything."""
    return _folder().is_dir()


def spoken(slot: str) -> dict[str, Any] | None:
    """``{"text", "source"}`` of a page; ``source`` is empty without a recording. None where nothing is said."""
    if slot not in CAPTIONS:
        return None
    found = find(locale(), slot)
    source = url_for("voice.prompt", language=locale(), slot=slot, v=int(found.stat().st_mtime)) if found else ""
    return {"text": _(CAPTIONS[slot]), "source": source}


@blueprint.get("/voice/<language>/<slot>")
def prompt(language: str, slot: str) -> Response:
    """The recording of one page."""
    found = find(language, slot) if language in ("zh", "en") and slot in CAPTIONS else None
    if found is None:
        abort(404)
    return send_file(found, mimetype=FORMATS[found.suffix])
