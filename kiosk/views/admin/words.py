"""Names of what the statistics count: steps of the journey, reasons of refusals."""

from __future__ import annotations

from typing import Any

from kiosk.views.clerk import texts
from kiosk.views.language import lazy_gettext as _l
from kiosk.views.messages import MESSAGES

STEPS: dict[str, Any] = {
    "agree": _l("阅读协议"),
    "notes": _l("办理前请确认"),
    "id_card": _l("读取身份证"),
    "role": _l("您的身份"),
    "token": _l("插入 UKey"),
    "pin": _l("UKey 密码"),
    "new_pin": _l("设置 UKey 密码"),
    "number": _l("证件号码"),
    "sms": _l("短信验证"),
    "certificate": _l("选择证书"),
    "way": _l("查询方式"),
    "history": _l("业务记录"),
    "term": _l("选择年限"),
    "form": _l("填写表格"),
    "material": _l("扫描材料"),
    "seal": _l("采集公章或签名"),
    "warning": _l("请再想一想"),
    "check": _l("核对信息"),
    "submitted": _l("提交审核"),
    "reviewed": _l("审核通过"),
    "review": _l("审核通过"),
}


def step_name(code: str) -> str:
    """A step's name; pages of one kind carry what they are about in brackets."""
    head, _, rest = code.partition("-")
    known = STEPS.get(code) or STEPS.get(head)
    if known is None:
        return code
    return f"{known}（{rest}）" if rest and code not in STEPS else str(known)


def refusal_name(code: str) -> str:
    """Why something did not succeed: a device, the CA or a gateway by its message, a review by its reason."""
    head, _, reason = code.partition(":")
    if head == "review" and reason:
        return str(_l("审核退回")) + "：" + texts.say(texts.REASONS, reason if reason != "other" else "")
    known = MESSAGES.get(code)
    return f"{known[0]}（{code}）" if known else code
