"""The bills of a day, in each gateway's own form."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from sqlite3 import Row

from kiosk.simulators.gateways.ledger import beijing

WECHAT_COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
ALIPAY_COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)


def _yuan(amount: int, decimals: int = 2) -> str:
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}" + "0" * (decimals - 2)


def _cell(text: str) -> str:
    return text.replace(",", " ").replace("\n", " ")


def wechat_bill(entries: Sequence[Row], mchid: str, app_id: str) -> bytes:
    """The trade bill of type ALL: UTF-8 CSV, a backtick before each cell, totals at the end."""
    lines = [WECHAT_COLUMNS]
    for row in entries:
        refund = row["kind"] == "refund"
        paid, back = (0, row["amount"]) if refund else (row["amount"], 0)
        cells = [beijing(row["at"]).strftime("%Y-%m-%d %H:%M:%S"), app_id, mchid, "0", "", row["transaction_id"]]
        cells += [row["out_trade_no"], "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "NATIVE", "REFUND" if refund else "SUCCESS"]
        cells += ["OTHERS", "CNY", _yuan(paid), "0.00", "5030" + str(row["id"]) if refund else "0"]
        cells += [row["out_refund_no"] or "0", _yuan(back), "0.00", "ORIGINAL" if refund else ""]
        cells += ["SUCCESS" if refund else "", _cell(row["subject"]), "", _yuan(row["fee"], 5), "0.60%"]
        cells += [_yuan(paid), _yuan(back), ""]
        lines.append(",".join(f"`{cell}" for cell in cells))
    paid = sum(row["amount"] for row in entries if row["kind"] == "capture")
    back = sum(row["amount"] for row in entries if row["kind"] == "refund")
    fees = sum(row["fee"] for row in entries)
    totals = [str(len(entries)), _yuan(paid), _yuan(back), "0.00", _yuan(fees, 5), _yuan(paid), _yuan(back)]
    lines += [WECHAT_TOTALS, ",".join(f"`{cell}" for cell in totals)]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def alipay_bill(entries: Sequence[Row], seller: str, day: str) -> bytes:
    """The trade bill: a ZIP of GBK CSV files, detail and summary."""
    lines = [
        "#支付宝业务明细查询",
        f"#账号：[{seller}0156]",
        f"#起始日期：[{day} 00:00:00]   终止日期：[{day} 23:59:59]",
        "#-----------------------------------------业务明细列表----------------------------------------",
        ALIPAY_COLUMNS,
    ]
    for row in entries:
        at = beijing(row["at"]).strftime("%Y-%m-%d %H:%M:%S")
        amount = -row["amount"] if row["kind"] == "refund" else row["amount"]
        cells = [row["transaction_id"], row["out_trade_no"], "退款" if amount < 0 else "交易", _cell(row["subject"])]
        cells += [at, at, "", "", "", "", "*买家(138****0000)", _yuan(amount), _yuan(amount), "0.00", "0.00", "0.00"]
        cells += ["0.00", "0.00", "", "0.00", "0.00", row["out_refund_no"], _yuan(-row["fee"]), "0.00", ""]
        lines.append(",".join(f"{cell}\t" for cell in cells))
    paid = [row["amount"] for row in entries if row["kind"] == "capture"]
    back = [row["amount"] for row in entries if row["kind"] == "refund"]
    lines += [
        "#-----------------------------------------业务明细列表结束------------------------------------",
        f"#交易合计：{len(paid)}笔，商家实收共{_yuan(sum(paid))}元，商家优惠共0.00元",
        f"#退款合计：{len(back)}笔，商家实收退款共{_yuan(-sum(back))}元，商家优惠退款共0.00元",
    ]
    summary = [
        "#支付宝业务汇总查询",
        "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）",
        f"合计,,{len(paid)},{len(back)},{_yuan(sum(paid) - sum(back))},{_yuan(sum(paid) - sum(back))}",
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        stem = f"{seller}0156_{day.replace('-', '')}"
        for name, text in ((f"{stem}_业务明细(汇总).csv", summary), (f"{stem}_业务明细.csv", lines)):
            archive.writestr(name, "\r\n".join([*text, ""]).encode("gbk", "replace"))
    return packed.getvalue()
