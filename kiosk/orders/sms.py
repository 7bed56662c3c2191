"""Short messages: six-digit codes with their limits, and notices. Numbers and texts are sealed until they are sent."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import secrets
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders import effects
from kiosk.orders.book import House
from kiosk.orders.models import Message, Order, SmsCode

LIFE = dt.timedelta(minutes=5)
TRIES = 5
PAUSE = dt.timedelta(seconds=60)
PER_NUMBER = ((dt.timedelta(hours=1), 5), (dt.timedelta(days=1), 10))
PER_KIOSK = (dt.timedelta(hours=1), 60)


class SmsRefused(Exception):
    """No code is sent now; ``code`` says why: sms_too_soon, sms_too_many, sms_kiosk_busy."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def send_code(session: Session, house: House, order: Order, phone: str, *, really: bool = True) -> SmsCode:
    """A fresh code for this number; the one before it is worth nothing any more. Raises SmsRefused.

    ``really`` False: number and order do not belong together; everything looks the same, and nothing is sent.
    """
    index = house.vault.blind(phone, "mobile")
    _limits(session, index)
    for old in session.scalars(select(SmsCode).where(SmsCode.order_id == order.id, SmsCode.used.is_(False))):
        old.used = True
    row = SmsCode(order_id=order.id, phone_index=index, expires_at=now() + LIFE)
    session.add(row)
    session.flush()
    code = f"{secrets.randbelow(1_000_000):06d}"
    row.digest = _digest(house, row, code)
    house.log(session, "sms.code", {"code": row.id}, order)
    if really:
        send(
            session, house, order, "code", phone, f"【CA自助】验证码{code}，5分钟内有效，只用于本次办理，请勿告诉他人。"
        )
    return row


def check_code(session: Session, house: House, order: Order, given: str) -> str | None:
    """None when the newest code of the order is right; else why not: sms_expired, sms_locked, sms_wrong."""
    row = session.scalars(select(SmsCode).where(SmsCode.order_id == order.id).order_by(SmsCode.id.desc())).first()
    if row is None or row.used or row.expires_at <= now():
        return "sms_expired"
    if row.tries >= TRIES:
        return "sms_locked"
    row.tries += 1
    if not hmac.compare_digest(row.digest, _digest(house, row, given.strip())):
        return "sms_locked" if row.tries >= TRIES else "sms_wrong"
    row.used = True
    house.log(session, "sms.verified", {"code": row.id}, order)
    return None


def send(session: Session, house: House, order: Order, kind: str, phone: str, text: str) -> Message:
    """Ask the worker to send a message; the same transaction keeps it."""
    message = Message(order_id=order.id, kind=kind, ref="-")
    session.add(message)
    session.flush()
    message.ref = f"{order.number}-{message.id}"
    plain = json.dumps({"to": phone, "text": text}, ensure_ascii=False).encode()
    message.sealed = house.seal(order, plain, f"message.sealed.{message.id}")
    effects.enqueue(session, order, "sms.send", str(message.id))
    return message


def opened(house: House, message: Message) -> dict[str, str]:
    """``to`` and ``text`` of a message that is not sent yet."""
    if message.sealed is None:
        return {}
    found: dict[str, str] = json.loads(house.unseal(message.order, message.sealed, f"message.sealed.{message.id}"))
    return found


def phone_of(data: dict[str, Any]) -> str:
    """The mobile that notices of an order go to: who came, else the unit's or applicant's."""
    form = data.get("form", {})
    names = ("agent_mobile", "mobile", "legal_mobile") if data.get("role") == "agent" else ("mobile", "agent_mobile")
    return next((form[name] for name in (*names, "legal_mobile") if form.get(name)), "")


def notify(session: Session, house: House, order: Order, kind: str, text: str) -> None:
    """Send a notice where the order has a mobile number."""
    phone = phone_of(house.data(order))
    if phone:
        send(session, house, order, kind, phone, text)


def _digest(house: House, row: SmsCode, code: str) -> str:
    return house.vault.blind(f"{row.id}:{code}", "sms code")


def _limits(session: Session, index: str) -> None:
    last = session.scalar(select(func.max(SmsCode.at)).where(SmsCode.phone_index == index))
    if last is not None and now() - last < PAUSE:
        raise SmsRefused("sms_too_soon")
    for span, most in PER_NUMBER:
        counted = select(func.count()).where(SmsCode.phone_index == index, SmsCode.at > now() - span)
        if (session.scalar(counted) or 0) >= most:
            raise SmsRefused("sms_too_many")
    span, most = PER_KIOSK
    if (session.scalar(select(func.count()).where(SmsCode.at > now() - span)) or 0) >= most:
        raise SmsRefused("sms_kiosk_busy")
