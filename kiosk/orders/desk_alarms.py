"""What is out of order at this kiosk, and when somebody is told of it.

An alarm that lasts is told once and again every few hours; when it is over, an all-clear follows. What comes up within
one round goes into one notice, and there are at most so many notices an hour: the rest waits and goes together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet.models import FleetKiosk, FleetStatus
from kiosk.orders import standing
from kiosk.orders.models import DeviceHealth, Task

PARTS = {
    "id_card": "身份证阅读器",
    "scanner": "扫描仪",
    "ukey": "UKey读写器",
    "receipt_printer": "凭条打印机",
    "a4_printer": "A4打印机",
    "ca": "证书系统",
    "clock": "时钟",
    "disk": "存储空间",
    "papers": "表格字体",
    "clerk_card": "工作人员读卡器",
    "sms": "短信平台",
}
PAPER = ("paper_low", "supply_low", "paper_out")
SILENT = dt.timedelta(minutes=3)
"""A worker that has probed nothing for so long is down itself."""
HOLD = dt.timedelta(seconds=60)
"""A device has to be down, or well again, for so long before it is told: it may be a cable that is being moved."""
UNHEARD = dt.timedelta(minutes=5)
"""After so long without a report the centre takes a kiosk to be down."""
MOST_TASKS = 50


@dataclass(frozen=True)
class Alarm:
    """``kind``: down, paper, stock, task, kiosk. ``text`` names no person."""

    key: str
    kind: str
    text: str


@dataclass(frozen=True)
class Kept:
    """An alarm as it is remembered. ``gone``: since when it is over; ``told``: when somebody was last told."""

    kind: str
    text: str
    since: dt.datetime
    told: dt.datetime | None = None
    gone: dt.datetime | None = None


# -- what is out of order -------------------------------------------------------------------------


def current(session: Session, task_minutes: int) -> list[Alarm]:
    """Every alarm of this kiosk as the database knows it now; at the centre, the kiosks that are not heard of."""
    return [*_devices(session), *_stock(session), *_tasks(session, task_minutes), *_kiosks(session)]


def _devices(session: Session) -> Iterable[Alarm]:
    for row in session.scalars(select(DeviceHealth).order_by(DeviceHealth.name)):
        name = PARTS.get(row.name, row.name)
        if row.code in PAPER:
            yield Alarm(f"paper.{row.name}", "paper", f"{name}纸或耗材{'用完' if row.code == 'paper_out' else '不多'}")
        elif row.level == "failed":
            yield Alarm(f"down.{row.name}", "down", f"{name}故障（{row.code or 'failed'}）")
        if row.at < now() - SILENT:
            yield Alarm("silent", "down", "后台程序没有自检结果")


def _stock(session: Session) -> Iterable[Alarm]:
    stock = standing.stock(session)
    if stock.low and (stock.received or stock.left):
        yield Alarm("stock", "stock", f"UKey结存{stock.left}个，低于{stock.level}个")


def _tasks(session: Session, minutes: int) -> Iterable[Alarm]:
    limit = now() - dt.timedelta(minutes=minutes)
    query = select(Task).where(Task.closed_at.is_(None), Task.created_at < limit).order_by(Task.id).limit(MOST_TASKS)
    for task in session.scalars(query):
        about = f"（业务单{task.order.number}）" if task.order else ""
        yield Alarm(f"task.{task.id}", "task", f"待办{task.id}号超过{minutes}分钟没有处理{about}")


def _kiosks(session: Session) -> Iterable[Alarm]:
    """Paired kiosks that have said nothing for a while: off, broken, or cut off. (A kiosk's own tables hold none.)"""
    limit = now() - UNHEARD
    query = select(FleetKiosk, FleetStatus.seen_at).join(FleetStatus, FleetStatus.kiosk == FleetKiosk.kiosk)
    query = query.where(FleetKiosk.revoked_at.is_(None), FleetKiosk.paired_at < limit)
    query = query.where(or_(FleetStatus.seen_at.is_(None), FleetStatus.seen_at < limit)).order_by(FleetKiosk.kiosk)
    for row, _seen in session.execute(query.limit(MOST_TASKS)):
        place = f"（{row.place}）" if row.place else ""
        yield Alarm(f"kiosk.{row.kiosk}", "kiosk", f"自助机{row.kiosk}{place}没有联系")


# -- what is told ---------------------------------------------------------------------------------


def advance(
    kept: dict[str, Kept], alarms: Iterable[Alarm], moment: dt.datetime, repeat: dt.timedelta
) -> tuple[dict[str, Kept], list[str], list[str]]:
    """One round: what is remembered now, the keys to tell, and the keys that are over and whose end has to be told."""
    here = {one.key: one for one in alarms}
    after: dict[str, Kept] = {}
    for key, one in here.items():
        before = kept.get(key)
        known = before or Kept(one.kind, one.text, moment)
        after[key] = replace(known, text=one.text, gone=None)
    for key, known in kept.items():
        if key not in here and known.told is not None:
            after[key] = replace(known, gone=known.gone or moment)
    raised = [key for key, known in after.items() if known.gone is None and _due(known, moment, repeat)]
    cleared = [key for key, one in after.items() if one.gone is not None and _lasted(one, one.gone, moment)]
    return after, sorted(raised), sorted(cleared)


def _due(known: Kept, moment: dt.datetime, repeat: dt.timedelta) -> bool:
    if known.told is None:
        return _lasted(known, known.since, moment)
    return moment - known.told >= repeat


def _lasted(known: Kept, since: dt.datetime, moment: dt.datetime) -> bool:
    return known.kind in ("task", "stock", "kiosk") or moment - since >= HOLD


def words(place: str, raised: list[str], cleared: list[str], most: int = 6) -> str:
    """One notice in one sentence, short enough for a message."""
    parts = []
    for head, texts in (("", raised), ("已恢复：", cleared)):
        if texts:
            rest = f"等{len(texts)}项" if len(texts) > most else ""
            parts.append(head + "；".join(texts[:most]) + rest)
    return f"【CA自助】{place}：" + "。".join(parts) + "。"
