"""Every code the machine may say to a person: a title and one sentence that says what to do next."""

from __future__ import annotations

from typing import Any

from kiosk.views.language import gettext as _
from kiosk.views.language import lazy_gettext as _l

MESSAGES: dict[str, tuple[Any, Any]] = {
    # ID card
    "card_missing": (_l("请将身份证放在读卡区"), _l("平放，等到读取完成再拿开。")),
    "card_not_lifted": (_l("请拿起身份证再放一次"), _l("读过的身份证要先拿开，再重新平放在读卡区。")),
    "card_lifted": (_l("身份证拿开得太早"), _l("请重新放上身份证，等读取完成再拿开。")),
    "card_unreadable": (_l("身份证读不出来"), _l("请换个位置再放一次；仍然不行，请呼叫工作人员。")),
    "card_number_wrong": (_l("身份证号码校验不通过"), _l("这张证件不能用于办理，请呼叫工作人员。")),
    "card_expired": (_l("身份证已过有效期"), _l("请换用有效的身份证，或呼叫工作人员。")),
    # UKey
    "token_missing": (_l("请插入 UKey"), _l("只插一个，插到底；写入过程中不要拔出。")),
    "token_removed": (_l("UKey 被拔出了"), _l("请重新插入同一个 UKey。")),
    "several_tokens": (_l("插了不止一个 UKey"), _l("请只留要办理的那一个，拔出其他的。")),
    "token_exchanged": (_l("不是同一个 UKey"), _l("请插回开始办理时用的那个 UKey。")),
    "token_not_blank": (_l("这个 UKey 不是新的"), _l("里面已有证书或密钥。请拔出，插入窗口发给您的新 UKey。")),
    "token_without_certificate": (_l("UKey 里没有证书"), _l("请换一个 UKey；如果是新 UKey，请返回首页选择新办。")),
    "token_wrong_kind": (_l("UKey 里的证书类型不对"), _l("请返回首页，按单位证书或个人证书重新选择。")),
    "token_other_owner": (_l("UKey 不是本人的"), _l("证书上的姓名、证件号与身份证不一致。请插入本人的 UKey。")),
    "token_locked": (_l("UKey 已锁定"), _l("密码输错次数太多，请先办理解锁。")),
    "pin_locked": (_l("UKey 已锁定"), _l("密码输错次数太多，请先办理解锁。")),
    "pin_incorrect": (_l("UKey 密码不对"), _l("请重新输入。连续输错会锁定 UKey。")),
    "pin_needed": (_l("需要 UKey 密码"), _l("请再输入一次 UKey 密码，继续办理。")),
    "certificate_foreign": (_l("不是本机构签发的证书"), _l("请确认 UKey 的发证机构，或呼叫工作人员。")),
    "certificate_held": (_l("证书已冻结"), _l("请先办理解冻。")),
    "certificate_revoked": (_l("证书已废除"), _l("废除后不能恢复，请返回首页选择新办。")),
    "renewal_too_early": (_l("还不能延期"), _l("剩余有效期不足 90 天时才能办理。您的证书还可以继续使用。")),
    "renewal_too_late": (_l("过期太久，不能延期"), _l("过期超过 365 天，请返回首页选择新办。")),
    "certificate_active": (_l("证书没有冻结"), _l("这张证书正常使用中，不需要解冻。")),
    "certificate_expired": (_l("证书已过期"), _l("请返回首页选择延期或新办。")),
    "next_token": (_l("请插入下一个新 UKey"), _l("拔出已经写好的 UKey，插入下一位申请人的新 UKey。")),
    "unlock_code_wrong": (_l("授权码没有通过"), _l("这个 UKey 不在本机构的登记中，请呼叫工作人员。")),
    "token_unknown": (_l("这个 UKey 没有登记"), _l("请到发放它的窗口解锁，或呼叫工作人员。")),
    "unit_certificate_exists": (
        _l("这家企业已有单位证书"),
        _l("每家企业只能有一张，可以办理延期、补办或变更。"),
    ),
    "rejected": (_l("审核没有通过"), _l("请按原因改好，再提交一次。")),
    "sms_expired": (_l("验证码已失效"), _l("请重新发送验证码。")),
    "sms_locked": (_l("验证码输错太多次"), _l("请重新发送验证码。")),
    "sms_wrong": (_l("验证码不对"), _l("请核对短信里的 6 位数字。")),
    "sms_too_soon": (_l("刚刚发送过"), _l("请等一分钟再发送。")),
    "sms_too_many": (_l("这个号码今天发送太多"), _l("请稍后再来，或呼叫工作人员。")),
    "sms_kiosk_busy": (_l("短信发送繁忙"), _l("请稍后再试，或呼叫工作人员。")),
    # glass
    "nothing_on_glass": (_l("玻璃上没有材料"), _l("请把材料正面朝下放好，盖上盖子，再点扫描。")),
    "scanner_jam": (_l("扫描仪卡住了"), _l("请呼叫工作人员。")),
    "scan_truncated": (_l("扫描没有完成"), _l("请保持材料不动，再扫描一次。")),
    "picture_empty": (_l("没有收到图片"), _l("请把材料放好，再扫描一次。")),
    "picture_not_a_picture": (_l("这不是图片"), _l("请把材料放好，再扫描一次。")),
    "picture_truncated": (_l("图片不完整"), _l("请保持材料不动，再扫描一次。")),
    "picture_too_large": (_l("图片太大"), _l("请用 300 dpi 再扫描一次；仍然不行，请呼叫工作人员。")),
    "picture_too_many_bytes": (_l("图片太大"), _l("请用 300 dpi 再扫描一次；仍然不行，请呼叫工作人员。")),
    "picture_too_small": (_l("图片太小"), _l("请放好整张材料，再扫描一次。")),
    "picture_animated": (_l("图片不止一页"), _l("请一次只扫描一页。")),
    "picture_unsupported": (_l("图片格式不能用"), _l("请再扫描一次；仍然不行，请呼叫工作人员。")),
    "picture_not_judged": (_l("图片没有处理成功"), _l("请再扫描一次；仍然不行，请呼叫工作人员。")),
    # before paying
    "ca_unreachable": (_l("证书系统连接不上"), _l("现在付款不能保证当场办好，请稍后再检查一次。")),
    "seal_maker_silent": (_l("电子签章制作系统连接不上"), _l("现在付款不能保证当场办好，请稍后再检查一次。")),
    "clock_skew": (_l("本机时间不准"), _l("为保证证书日期正确，暂不能付款，请呼叫工作人员。")),
    "paper_out": (_l("打印机缺纸"), _l("请呼叫工作人员加纸，再检查一次。")),
    "paper_jam": (_l("打印机卡纸"), _l("请呼叫工作人员处理，再检查一次。")),
    "cover_open": (_l("打印机盖子开着"), _l("请呼叫工作人员处理，再检查一次。")),
    "gateway_unreachable": (_l("支付系统连接不上"), _l("您没有被扣款。请稍后再检查一次。")),
    "subject_refused": (
        _l("证书写不下这个名称"),
        _l("名称或号码不完整、超过 64 个字，或有不能写入的字，请到窗口办理。"),
    ),
    "disk_full": (_l("本机存储空间不足"), _l("请呼叫工作人员。")),
    # paying
    "qr_expired": (_l("二维码已过期"), _l("您没有被扣款。请重新选择支付方式。")),
    "payment_cancelled": (_l("已取消付款"), _l("您没有被扣款。可以重新付款，也可以退出。")),
    "gateway_refused": (_l("支付系统没有受理"), _l("您没有被扣款。请换一种支付方式。")),
    "gateway_unknown": (_l("结果确认中"), _l("请勿重复付款，正在向支付系统核实。")),
    "pos_unknown": (_l("结果确认中"), _l("请勿重复付款，正在向刷卡机核实。")),
    "card_declined": (_l("银行卡没有付成"), _l("您没有被扣款。可以再刷一次，或换一种支付方式。")),
    "pos_ended": (_l("刷卡没有完成"), _l("您没有被扣款。可以再刷一次，或换一种支付方式。")),
    "pos_failed": (_l("刷卡机没有响应"), _l("您没有被扣款。请换一种支付方式。")),
    "payment_not_received": (_l("没有收到款项"), _l("工作人员没有查到这笔付款。请重新付款，或到窗口询问。")),
    "payment_mismatch": (_l("付款金额不一致"), _l("请呼叫工作人员核对，款项不会丢失。")),
    # working
    "write_failed": (_l("写入没有成功"), _l("款项已记录，请呼叫工作人员重新写入。")),
    "device_timeout": (_l("设备没有响应"), _l("请再试一次；仍然不行，请呼叫工作人员。")),
    "device_crashed": (_l("设备出错了"), _l("正在自动重试，请稍候。")),
    "device_missing": (_l("设备没有连接"), _l("请呼叫工作人员。")),
    "device_failed": (_l("设备出错了"), _l("请再试一次；仍然不行，请呼叫工作人员。")),
    "print_unknown": (_l("打印结果不明"), _l("请看一下出纸口；没有打印，请呼叫工作人员补打。")),
    "several_tasks": (_l("需要工作人员处理"), _l("请呼叫工作人员。")),
}
FAULTS: dict[str, Any] = {
    "none": _l("没有找到印章或签名，请在方框内盖章或签名后再扫描。"),
    "touch_border": _l("贴边：印章碰到了方框的边，请在框的正中重新盖。"),
    "over_text": _l("压字：印章压到了文字，请在空白处重新盖。"),
    "over_line": _l("压线：印章压到了线，请在空白处重新盖。"),
    "faint": _l("印章太淡，请蘸足印泥重新盖。"),
    "incomplete": _l("印章不完整，请用力均匀重新盖。"),
    "blurred": _l("印章模糊，请放平材料重新扫描或重新盖。"),
    "smeared": _l("印章有重影，请垂直盖下、垂直提起，重新盖一次。"),
    "cropped": _l("印章没有扫全，请把整页放进扫描区。"),
    "two_seals": _l("框里有两个印章，只能盖一个，请换一张重新盖。"),
    "not_red": _l("印章不是红色，请用红色印泥盖在原件上。"),
    "not_round": _l("单位公章应为圆形，请确认印章种类。"),
    "empty": _l("没有看到材料，请把有字的一面朝下放好。"),
    "corners_missing": _l("材料没有放全，请让四个角都在扫描区内。"),
    "wrong_kind": _l("这不像要求的材料，请核对材料名称。"),
    "seal_missing": _l("复印件上没有看到红色公章，请加盖公章后再扫描。"),
    "too_small": _l("图片太小，看不清文字，请重新扫描。"),
    "too_dark": _l("图片太暗，请盖好盖子重新扫描。"),
    "glare": _l("材料上有反光，请压平后重新扫描。"),
    "other_order": _l("这张表属于另一笔业务，不能用在这里。请换成为本次业务打印的表，重新扫描。"),
    "seal_name": _l("印章名称与单位名称不一致。请盖本单位的公章，重新扫描；单位刚更名的，请呼叫工作人员核对。"),
    "other_unit": _l("这张营业执照与 UKey 证书不是同一家单位（统一社会信用代码不同）。请换成本单位的营业执照。"),
    "other_person": _l("身份证号码与刚才读取的身份证不一致。请换成本人的身份证复印件，重新扫描。"),
    "copy_expired": _l("这张身份证已过有效期。请用有效的身份证复印后重新扫描。"),
}
NOTES: dict[str, Any] = {
    "name_changed": _l("营业执照上的名称与证书上的不同。单位已更名的，请退出后选择变更业务。"),
    "seal_unread": _l("印章上的名称没有读清，请自己核对：盖的是不是本单位的公章。"),
    "unread": _l("文字没有读清。图片可以用，内容请在后面的页面自己填写或核对。"),
}


def message(code: str | None, facts: dict[str, Any] | None = None) -> dict[str, str] | None:
    """``{"code", "title", "text"}`` for the page; None for no code."""
    if not code:
        return None
    title, text = MESSAGES.get(code, (_l("没有成功"), _l("请再试一次；仍然不行，请呼叫工作人员。")))
    said = {"code": code, "title": str(title), "text": str(text)}
    left = (facts or {}).get("attempts_left")
    if left is not None:
        said["text"] += " " + _("还可以输入 %(n)s 次。", n=left)
    days = (facts or {}).get("days_left")
    if days is not None and code == "renewal_too_early":
        said["text"] += " " + _("还剩 %(n)s 天。", n=days)
    return said


def fault(code: str) -> str:
    """What is wrong with a picture, and what to do."""
    return str(FAULTS.get(code, _l("这张图片不合要求，请重新扫描。")))


def note(code: str) -> str:
    """What a picture makes worth saying although it can be used."""
    return str(NOTES.get(code, ""))
