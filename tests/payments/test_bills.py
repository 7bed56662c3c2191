"""Bills: the true forms are read, hostile ones end in one clear error."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.payments.bills import SettlementFormat, parse_alipay_bill, parse_settlement, parse_wechat_bill
from kiosk.payments.channel import BEIJING, BillLine, GatewayUntrusted, LineKind

WECHAT = (
    "\ufeff交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,"
    "订单金额,申请退款金额,费率备注\r\n"
    "`2026-11-20 09:15:02,`wx1,`19,`0,`,`4200001,`K1xA1x1,`o1,`NATIVE,`SUCCESS,`OTHERS,`CNY,`200.00,`0.00,`0,`0,`0.00,"
    "`0.00,`,`,`CA,`,`1.20000,`0.60%,`200.00,`0.00,`\r\n"
    "`2026-11-20 09:20:00,`wx1,`19,`0,`,`4200001,`K1xA1x1,`o1,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`503,`RK1xA1x1,"
    "`200.00,`0.00,`ORIGINAL,`SUCCESS,`CA,`,`-1.20000,`0.60%,`0.00,`200.00,`\r\n"
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
    "`2,`200.00,`200.00,`0.00,`0.00000,`200.00,`200.00\r\n"
)
ALIPAY = (
    "#支付宝业务明细查询\r\n#账号：[20880000000000010156]\r\n#起始日期：[2026年11月20日 00:00:00]\r\n"
    "#---------业务明细列表--------\r\n"
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
    "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注\r\n"
    "2026001\t,K1xA1x1\t,交易\t,CA\t,2026-11-20 09:15:00,2026-11-20 09:15:02,,,,,*,200.00,200.00,0.00,0.00,0.00,0.00,"
    "0.00,,"
    "0.00,0.00,\t,-1.20,0.00,\t\r\n"
    "2026001\t,K1xA1x1\t,退款\t,CA\t,2026-11-20 09:20:00,2026-11-20 09:20:00,,,,,*,-200.00,-200.00,0.00,0.00,0.00,0.00,"
    "0.00,,"
    "0.00,0.00,RK1xA1x1\t,1.20,0.00,\t\r\n"
    "#---------业务明细列表结束--------\r\n#交易合计：1笔\r\n"
)
SETTLEMENT = (
    "终端号,凭证号,参考号,原参考号,交易类型,交易时间,交易金额,手续费,卡号\r\n"
    "T0000001,000001,112000000001,,消费,2026-11-20 09:15:02,200.00,1.20,622202******1234\r\n"
    "T0000001,000002,112000000002,112000000001,消费撤销,2026-11-20 09:20:00,200.00,-1.20,622202******1234\r\n"
)


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.csv", text.encode("gbk"))
    return packed.getvalue()


def at(minute: int, second: int = 0) -> datetime:
    return datetime(2026, 11, 20, 9, minute, second, tzinfo=BEIJING)


@pytest.mark.parametrize("packed", [False, True])
def test_wechat(packed: bool) -> None:
    raw = WECHAT.encode()
    assert parse_wechat_bill(gzip.compress(raw) if packed else raw) == [
        BillLine("wechat", LineKind.PAYMENT, "K1xA1x1", 20000, 120, at(15, 2), "", "4200001"),
        BillLine("wechat", LineKind.REFUND, "K1xA1x1", 20000, -120, at(20), "RK1xA1x1", "4200001"),
    ]


def test_alipay() -> None:
    raw = zipped(summary="#支付宝业务汇总查询\r\n门店编号,交易订单总笔数\r\n合计,1\r\n", detail=ALIPAY)
    assert parse_alipay_bill(raw) == [
        BillLine("alipay", LineKind.PAYMENT, "K1xA1x1", 20000, 120, at(15, 2), "", "2026001"),
        BillLine("alipay", LineKind.REFUND, "K1xA1x1", 20000, -120, at(20), "RK1xA1x1", "2026001"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
def test_settlement(encoding: str) -> None:
    lines = parse_settlement(SETTLEMENT.encode(encoding), SettlementFormat(encoding=encoding))
    assert lines == [
        BillLine("pos", LineKind.PAYMENT, "112000000001", 20000, 120, at(15, 2), "", "T0000001-000001"),
        BillLine("pos", LineKind.REFUND, "112000000001", 20000, -120, at(20), "112000000002", "T0000001-000002"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("`2,`200.00,`200", "`3,`200.00,`200"),
        ("总交易单数", "无"),
        ("2026-11-20 09:15:02", "2026-13-20 09:15:02"),
        ("`200.00,`0.00,`\r\n", "`-200.00,`0.00,`\r\n"),
        ("`1.20000", "`free"),
        ("`K1xA1x1,`o1,`NATIVE,`SUCCESS", "`,`o1,`NATIVE,`SUCCESS"),
        ("`wx1,`19", "`wx1"),
        ("商户订单号", "别的"),
    ],
)
def test_a_broken_wechat_bill_is_refused(old: str, new: str) -> None:
    assert old in WECHAT
    with pytest.raises(GatewayUntrusted, match="malformed_bill"):
        parse_wechat_bill(WECHAT.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [("列表结束", ""), ("退款\t", "交易\t"), ("交易\t", "充值\t"), ("商户订单号", "别的"), ("-1.20", "x")],
)
def test_a_broken_alipay_bill_is_refused(old: str, new: str) -> None:
    assert old in ALIPAY
    with pytest.raises(GatewayUntrusted, match="malformed_bill"):
        parse_alipay_bill(zipped(detail=ALIPAY.replace(old, new, 1)))


def test_a_zip_bomb_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.csv", b"\0" * (30 * 1024 * 1024))
    with pytest.raises(GatewayUntrusted, match="too large"):
        parse_alipay_bill(packed.getvalue())


@given(st.binary(max_size=300))
def test_noise_is_refused(raw: bytes) -> None:
    for parse in (parse_wechat_bill, parse_alipay_bill):
        with pytest.raises(GatewayUntrusted):
            parse(raw)


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_damage_is_refused_or_harmless(place: int, noise: bytes) -> None:
    """Overwriting a part of a bill gives lines or one error, never another exception."""
    for parse, whole in (
        (parse_wechat_bill, WECHAT.encode()),
        (parse_wechat_bill, gzip.compress(WECHAT.encode(), mtime=0)),
        (parse_alipay_bill, zipped(detail=ALIPAY)),
        (parse_settlement, SETTLEMENT.encode()),
    ):
        at_byte = place % len(whole)
        damaged = whole[:at_byte] + noise + whole[at_byte + len(noise) :]
        try:
            lines = parse(damaged)
        except GatewayUntrusted:
            continue
        assert all(line.amount_fen >= 0 and line.number for line in lines)
