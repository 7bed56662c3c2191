"""The staff's sentences: what happened, what to do, and the names of acts, reasons, states and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.views.language import lazy_gettext as _l

TASKS: dict[str, tuple[Any, Any, Any]] = {
    "called": (_l("呼叫工作人员"), _l("用户在自助机上按了呼叫。"), _l("到机旁协助，办完后点“已当面处理”。")),
    "review": (_l("待审核"), _l("业务单已付款或免费，等待审核。"), _l("打开审核页，对照图片与填写内容，逐级审核。")),
    "write_failed": (_l("写入失败"), _l("证书没有写进 UKey。"), _l("排除故障后点“重发”，或送退款。")),
    "supersede_failed": (_l("启用失败"), _l("新证书已写入，旧证书还没有作废。"), _l("点“再试一次”，向证书机构确认。")),
    "unknown_outcome": (
        _l("结果不明"),
        _l("多次询问都没有得到答复。"),
        _l("线路恢复后点“再试一次”，系统会先核实再继续。"),
    ),
    "papers_not_made": (_l("单据没有生成"), _l("业务已办结，单据没有做出来。"), _l("点“再试一次”。")),
    "not_printed": (_l("没有打印出来"), _l("不知道纸是否打印完整。"), _l("看出纸口：有就点“已打印”，没有就点“补打”。")),
    "payment_mismatch": (
        _l("付款不一致"),
        _l("到账的金额或商户与业务单不同。"),
        _l("在商户平台核对后确认到账，或送退款。"),
    ),
    "confirm_payment": (
        _l("确认到账"),
        _l("用户在窗口刷卡或对公转账。"),
        _l("核对签购单或银行回单，填写参考号后确认；没有到账就点“未到账”。"),
    ),
    "refund_failed": (_l("退款失败"), _l("支付系统没有退成。"), _l("再退一次；仍然不行，人工退款后填写参考号。")),
    "refund_by_hand": (_l("人工退款"), _l("这笔钱机器退不了。"), _l("在窗口退还后，填写参考号。")),
    "refund_after_issue": (
        _l("签发后退款"),
        _l("证书机构还没有确认证书作废。"),
        _l("证书作废得到确认后才能退款；点“再退一次”会先作废。"),
    ),
    "refund_after_invoice": (_l("已开票的退款"), _l("款已退，发票已开。"), _l("按财务规定冲红发票，两人确认后关闭。")),
    "sms_failed": (_l("短信没有发出"), _l("短信平台没有受理。"), _l("用电话或当面告知用户。")),
    "reconciliation": (
        _l("对账差异"),
        _l("我们的记录与渠道账单不一致。"),
        _l("在商户平台逐笔核对，补记或退款后，由两人确认关闭。"),
    ),
}
OTHER_TASK = (_l("待处理"), _l("这件事需要人工核对。"), _l("核对清楚后由两人确认关闭。"))
ACTS: dict[str, Any] = {
    "again": _l("再试一次"),
    "resume": _l("重发（继续写入）"),
    "give_back": _l("送退款"),
    "refund_again": _l("再退一次"),
    "accept_payment": _l("确认到账"),
    "confirm_payment": _l("确认到账"),
    "refuse_payment": _l("未到账"),
    "given_back": _l("已人工退款"),
    "print_again": _l("补打"),
    "confirm_printed": _l("已打印"),
    "accept_material": _l("采用这张图片"),
    "correct": _l("更正"),
    "handled": _l("已当面处理"),
    "noted": _l("核对无误，关闭"),
    "publish": _l("发布办理方案"),
}
REASONS: dict[str, Any] = {
    "fault_cleared": _l("故障已排除"),
    "device_fault": _l("设备故障"),
    "customer_asked": _l("用户要求"),
    "gateway_back": _l("线路已恢复"),
    "not_served": _l("未能办成"),
    "duplicate": _l("重复付款"),
    "money_checked": _l("已核对到账"),
    "money_missing": _l("账上没有这笔钱"),
    "money_returned": _l("已退还并核对"),
    "paper_lost": _l("打印件缺失或损坏"),
    "seen_printed": _l("已看到打印件"),
    "original_checked": _l("已核对原件"),
    "reader_error": _l("读卡有误"),
    "ocr_error": _l("文字识别有误"),
    "helped": _l("已协助"),
    "customer_left": _l("用户已离开"),
    "told_customer": _l("已告知用户"),
    "books_checked": _l("已核对账目"),
    "screen_stuck": _l("画面没有反应"),
    "maintenance": _l("设备维护"),
    "no_ukey": _l("UKey 用完"),
    "no_paper": _l("打印纸用完"),
    "hall_closed": _l("大厅停止办公"),
    "delivered": _l("到货"),
    "write_damage": _l("写坏"),
    "defective": _l("出厂损坏"),
    "lost": _l("遗失"),
    "counted": _l("盘点"),
    "issued": _l("发给用户"),
    "complaint": _l("处理投诉"),
    "inspection": _l("检查抽查"),
    "unreadable": _l("图片看不清"),
    "not_match": _l("与填写内容不一致"),
    "no_seal": _l("没有盖章或签名"),
    "out_of_date": _l("证件已过期"),
    "wrong_paper": _l("不是要求的材料"),
    "form_wrong": _l("填写有误"),
}
CLOSED: dict[str, Any] = {
    "maintenance": _l("设备正在维护"),
    "device_fault": _l("设备出现故障"),
    "no_ukey": _l("UKey 暂时用完"),
    "no_paper": _l("打印纸暂时用完"),
    "hall_closed": _l("大厅现在不办公"),
}
REFUSALS: dict[str, Any] = {
    "wrong": _l("账号、密码或动态口令不对，请重新输入。"),
    "locked": _l("输错次数太多，账号锁定 15 分钟。"),
    "slow_down": _l("尝试次数太多，请 10 分钟后再试。"),
    "not_allowed": _l("您的岗位不能做这件事。"),
    "no_reason": _l("请选择原因。"),
    "task_closed": _l("这件待办已经关闭。"),
    "already_proposed": _l("已有人提出，等待另一人复核。"),
    "own_proposal": _l("不能复核自己提出的事项。"),
    "already_decided": _l("这件事已经复核过了。"),
    "reference_malformed": _l("参考号应为 6 至 40 位字母或数字，请核对。"),
    "reference_used": _l("这个参考号已经用过，请核对签购单或回单。"),
    "nothing_to_retry": _l("没有可以再试的步骤。"),
    "not_with_clerk": _l("业务单现在不在窗口处理，请刷新后再看。"),
    "nothing_to_refund": _l("这笔业务没有可退的款。"),
    "already_printed": _l("已经打印过了。"),
    "no_paper": _l("没有这份单据。"),
    "not_in_draft": _l("业务单已提交，不能再更正。"),
    "field_wrong": _l("请选择要更正的项目并填写正确内容。"),
    "nothing_to_accept": _l("没有可以采用的图片。"),
    "amount_wrong": _l("数量不对，请填写 1 至 10000 的整数；有编号时只能是 1。"),
    "token_booked": _l("这个 UKey 编号已经登记过。"),
    "own_account": _l("不能更改自己的账号。"),
    "catalogue_fixed": _l("本机的办理方案不能在线修改。"),
    "catalogue_moved": _l("办理方案已有更新，请按新版本重新起草。"),
    "amount_malformed": _l("金额应为数字，最多两位小数，请核对。"),
    "text_missing": _l("标题、版本和正文都要填写。"),
    "nothing_changed": _l("内容没有变化。"),
    "same_reviewer": _l("两级审核须由两个人完成。"),
    "not_in_review": _l("业务单已不在审核中。"),
    "unknown_level": _l("这一级已经审核过了，请刷新。"),
    "unknown_material": _l("请选择要退回的材料。"),
}
STATES: dict[str, Any] = {
    "draft": _l("填写中"),
    "paying": _l("付款中"),
    "paid": _l("已付款"),
    "writing": _l("办理中"),
    "done": _l("已办结"),
    "refunding": _l("退款中"),
    "refunded": _l("已退款"),
    "clerk": _l("待窗口处理"),
    "void": _l("已作废"),
}
LEVELS = {"fine": _l("正常"), "warning": _l("注意"), "failed": _l("故障"), "busy": _l("忙"), "unknown": _l("未知")}
PARTS = {
    "id_card": _l("身份证阅读器"),
    "scanner": _l("扫描仪"),
    "ukey": _l("UKey 读写"),
    "receipt_printer": _l("凭条打印机"),
    "a4_printer": _l("A4 打印机"),
    "pos": _l("刷卡终端"),
    "ca": _l("证书系统"),
    "clock": _l("时钟"),
    "wechat": _l("微信支付"),
    "alipay": _l("支付宝"),
    "disk": _l("存储空间"),
    "sms": _l("短信平台"),
}
EVENTS = {
    "order.opened": _l("开始办理"),
    "order.moved": _l("状态变化"),
    "step.done": _l("完成一步"),
    "step.reopened": _l("重做一步"),
    "effect.begun": _l("开始执行"),
    "effect.ended": _l("执行结束"),
    "effect.unknown": _l("结果不明"),
    "effect.in_doubt": _l("中断后核实"),
    "payment.started": _l("发起付款"),
    "payment.moved": _l("付款状态"),
    "payment.confirmed": _l("人工确认到账"),
    "refund.requested": _l("发起退款"),
    "refund.confirmed": _l("人工退款"),
    "task.opened": _l("产生待办"),
    "task.closed": _l("待办关闭"),
    "clerk.acted": _l("工作人员处理"),
    "clerk.proposed": _l("提出，待复核"),
    "clerk.approved": _l("复核同意"),
    "clerk.refused": _l("拒绝"),
    "clerk.signed_in": _l("登录"),
    "clerk.signed_out": _l("退出登录"),
    "clerk.locked": _l("账号锁定"),
    "personal.shown": _l("查看个人信息"),
    "review.approved": _l("审核通过"),
    "review.rejected": _l("审核退回"),
    "field.corrected": _l("更正内容"),
    "material.kept": _l("采用材料"),
    "kiosk.out": _l("暂停服务"),
    "kiosk.in": _l("恢复服务"),
    "kiosk.self_test": _l("设备自检"),
    "screen.unlocked": _l("解除画面"),
    "stock.moved": _l("UKey 出入库"),
    "reconciled": _l("日终对账"),
    "reconciliation.signed": _l("对账签字"),
    "catalogue.drafted": _l("方案草稿"),
    "catalogue.published": _l("方案发布"),
}
CHANNELS = {
    "wechat": _l("微信支付"),
    "alipay": _l("支付宝"),
    "pos": _l("刷卡"),
    "pos_manual": _l("窗口刷卡"),
    "transfer": _l("对公转账"),
}


VERDICTS = {
    "balanced": _l("平账"),
    "surplus": _l("长款"),
    "shortage": _l("短款"),
    "amount_differs": _l("金额不符"),
    "state_differs": _l("状态不符"),
    "cross_day": _l("跨日"),
}


def say(table: Mapping[str, Any], code: str | None) -> str:
    """The words for a code; the code itself where there are none yet."""
    return str(table.get(code or "", code or ""))


def task_words(kind: str) -> tuple[Any, Any, Any]:
    return TASKS.get(kind, OTHER_TASK)
