"""What the catalogue says: schemes, services, offers, fees, materials, forms and agreements.

Everything here is data read from TOML (`loader.load`), frozen, and refuses unknown keys. Money is integer fen. Names
and labels are Chinese (what users see), `*_en` the English beside them.
"""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from kiosk.catalogue.forms import Agreement, Code, FormField, FormSpec, Model, Option, Text, met

__all__ = [
    "Agreement", "Fee", "FormField", "FormSpec", "Hotline", "Kind", "Material", "Offer", "OpenHours", "Operation",
    "Option", "Paper", "ReviewLevel", "Scheme", "SealSpec", "Service", "ServicePoint", "Vendor", "met",
]  # fmt: skip

BEIJING = ZoneInfo("Asia/Shanghai")

Fen = Annotated[int, Field(strict=True, ge=0, le=100_000_00)]


class Kind(StrEnum):
    """Kind of certificate: 单位(机构) or 个人(自然人/机构个人)."""

    unit = "unit"
    personal = "personal"


class Operation(StrEnum):
    """The engine behind a service; each scheme has its own word for it (`Service.name`)."""

    new = "new"
    renew = "renew"
    replace = "replace"  # type: ignore[assignment]  # hides str.replace, which nobody calls on an Operation
    change = "change"
    unlock = "unlock"
    freeze = "freeze"
    unfreeze = "unfreeze"
    revoke = "revoke"
    reissue = "reissue"
    query = "query"


class Vendor(Model):
    """A certification authority whose UKeys the scheme serves."""

    code: Code
    name: Text
    name_en: Text


class OpenHours(Model):
    """Opening hours of one weekday, 1 = Monday … 7 = Sunday, Beijing time, `opens` inclusive, `closes` exclusive."""

    weekday: Annotated[int, Field(ge=1, le=7)]
    opens: time
    closes: time

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes（开始时间须早于结束时间）")
        return self


class ServicePoint(Model):
    """A counter one can go to. Only office lines, never a person's name or private number."""

    area: Text
    address: Text
    phone: str = ""


class Hotline(Model):
    """A telephone line for users."""

    name: Text
    number: Text


MaterialKind = Literal[
    "licence", "id_card", "form", "letter", "permit", "seal_sheet", "voucher", "photo", "approval", "token"
]


SIDES = (("正反面", "正面", "反面"), ("头像面和国徽面", "头像面", "国徽面"))
"""How a material's name says both sides, and each of them."""


class Material(Model):
    """One thing the person brings or makes.

    `how`: scan = laid on the glass; show = original shown, read by a device or looked at by the clerk; token = the UKey
    itself; made = the kiosk makes it from the answers and the signature on the glass, nothing is to be laid down.
    `only_if`: '' always, 'agent' when somebody else than the legal representative / applicant comes, 'legal' when he
    comes himself, or a condition on an answer ("invoice=yes", "payment=transfer").
    """

    code: Code
    name: Text
    name_en: Text
    kind_of: MaterialKind
    how: Literal["scan", "show", "token", "made"]
    sides: Literal[1, 2] = 1
    sealed: bool = False
    signed: bool = False
    copies: Annotated[int, Field(ge=1, le=9)] = 1
    original: bool = False
    of: Literal["", "legal", "agent", "applicant", "unit"] = ""
    only_if: str = ""
    required: bool = True

    def side(self, number: int) -> str:
        """What its page is called: the name; of a material with two sides, the name of this one (1 front, 2 back)."""
        if self.sides == 1:
            return self.name
        for both, front, back in SIDES:
            if both in self.name:
                return self.name.replace(both, front if number == 1 else back)
        return f"{self.name}（{'正面' if number == 1 else '反面'}）"


class Fee(Model):
    """One row of the price table. `years` None = no term; `amount` None = not priced: it cannot be paid for."""

    years: Annotated[int, Field(ge=1, le=10)] | None = None
    amount: Fen | None = None
    parts: tuple[tuple[Text, Fen], ...] = ()

    @model_validator(mode="after")
    def _parts_add_up(self) -> Self:
        if self.parts and sum(amount for _, amount in self.parts) != self.amount:
            raise ValueError("parts must add up to amount（分项之和须等于总额）")
        if self.amount == 0:
            raise ValueError("a fee of 0 must be said as free = true（免费须写明 free = true）")
        return self


class SealSpec(Model):
    """Capture of the unit's seal or the person's signature for the electronic seal (电子签章).

    `types`: the scheme's 电子签章类型; empty = the form has no such question and the picture is always captured.
    `captured_for`: those types for which a picture is captured; `drawn_for`: those whose picture is drawn from the
    name. `required` False = only when the seal on the UKey shall change.
    """

    capture: Literal["unit_seal", "signature"]
    types: tuple[Option, ...] = ()
    captured_for: tuple[Code, ...] = ()
    drawn_for: tuple[Code, ...] = ()
    required: bool = True

    def needed(self, seal_type: str | None) -> bool:
        """Whether a picture must be captured for the chosen type."""
        return self.required and (not self.types or seal_type in self.captured_for)


class Paper(Model):
    """A document the kiosk makes. `form` is the code of the document; `copies` the names of its 联."""

    form: Code
    copies: Annotated[tuple[Text, ...], Field(min_length=1)]
    only_if: str = ""
    printed: bool = True


class ReviewLevel(Model):
    """One level of review. `code` is stable (审批 approve, 核准 confirm …), `who` the office that decides.

    `working_days`: how long it may take as the source says; None where it says nothing.
    """

    code: Code
    name: Text
    who: Text
    working_days: Annotated[int, Field(ge=1, le=30)] | None = None


Identity = Literal["id_card", "token_pin", "sms", "in_person"]
PaymentMethod = Literal["wechat", "alipay", "pos", "transfer"]


class Offer(Model):
    """What a service means for one kind of certificate.

    `agent_allowed` False: the applicant himself must come, nobody may act for him.
    """

    fees: tuple[Fee, ...] = ()
    free: bool = False
    fee_note: str = ""
    materials: tuple[Material, ...] = ()
    form: Code
    papers: tuple[Paper, ...] = ()
    agreements: tuple[Code, ...] = ()
    seal: SealSpec | None = None
    token: Literal["existing", "blank", "none"] = "none"  # noqa: S105
    identity: Annotated[tuple[Identity, ...], Field(min_length=1)]
    agent_allowed: bool = True
    invoice: bool = False
    payments: tuple[PaymentMethod, ...] = ()

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.free and self.fees:
            raise ValueError("free and fees exclude each other（免费与收费只能选一）")
        terms = [fee.years for fee in self.fees]
        if len(set(terms)) != len(terms):
            raise ValueError("two fees for the same term（同一年限有两个价格）")
        if any(fee.amount is not None for fee in self.fees) and not self.payments:
            raise ValueError("a priced offer needs payments（收费业务须写明支付方式）")
        return self

    @property
    def priced(self) -> bool:
        """True when it can be finished: said to be free, or at least one term has an amount."""
        return self.free or any(fee.amount is not None for fee in self.fees)

    @property
    def terms(self) -> tuple[int, ...]:
        """Years one can choose among, priced or not."""
        return tuple(fee.years for fee in self.fees if fee.years is not None)

    def fee(self, years: int | None = None) -> Fee | None:
        """The row for that term; None when there is no such row (also when the offer is free)."""
        return next((fee for fee in self.fees if fee.years == years), None)

    def price(self, years: int | None = None) -> int | None:
        """Fen to pay: 0 when the offer is said to be free, None when that term is not priced."""
        if self.free:
            return 0
        row = self.fee(years)
        return row.amount if row else None


class Service(Model):
    """One business of a scheme. `minutes`: about how long it takes at the kiosk."""

    code: Code
    operation: Operation
    name: Text
    name_en: Text
    summary: Text
    minutes: Annotated[int, Field(ge=1, le=120)]
    offers: Annotated[dict[Kind, Offer], Field(min_length=1)]
    review: tuple[ReviewLevel, ...] = ()
    max_applicants: Annotated[int, Field(ge=1, le=10)] = 1

    @model_validator(mode="after")
    def _terms(self) -> Self:
        """A new validity needs years to choose from; what runs on with the old one has none."""
        timed = self.operation in (Operation.new, Operation.renew)
        for kind, offer in self.offers.items():
            wrong = [fee for fee in offer.fees if fee.amount is not None and (fee.years is None) == timed]
            if wrong or (timed and offer.free):
                word = "need years（须写明年限）" if timed else "have no years（不分年限）"
                raise ValueError(f"{kind}.fees of this operation {word}")
        return self


class Scheme(Model):
    """One platform's way of doing certificate business (办理方案)."""

    code: Code
    name: Text
    name_en: Text
    platform: Text
    document: Text
    vendors: Annotated[tuple[Vendor, ...], Field(min_length=1)]
    hotlines: tuple[Hotline, ...] = ()
    hours: tuple[OpenHours, ...] = ()
    hours_text: str = ""
    service_points: tuple[ServicePoint, ...] = ()
    binding: str = ""
    renewal_notes: tuple[str, ...] = ()
    one_unit_certificate_per_enterprise: bool = False
    services: Annotated[dict[Code, Service], Field(min_length=1)]
    forms: dict[Code, FormSpec]
    agreements: dict[Code, Agreement]

    @model_validator(mode="after")
    def _references(self) -> Self:
        for service in self.services.values():
            for kind, offer in service.offers.items():
                where = f"services.{service.code}.{kind}"
                if offer.form not in self.forms:
                    raise ValueError(f"{where}.form: unknown form（没有这个表单）{offer.form!r}")
                for code in offer.agreements:
                    if code not in self.agreements:
                        raise ValueError(f"{where}.agreements: unknown agreement（没有这个协议）{code!r}")
        return self

    def open_at(self, moment: datetime) -> bool | None:
        """Whether the scheme's counter is open at an aware moment; None when the source gives no hours."""
        if not self.hours:
            return None
        local = moment.astimezone(BEIJING)
        clock = local.time().replace(tzinfo=None)
        return any(h.weekday == local.isoweekday() and h.opens <= clock < h.closes for h in self.hours)

    def open_days(self, day: date) -> tuple[OpenHours, ...]:
        """The ranges of that weekday."""
        return tuple(h for h in self.hours if h.weekday == day.isoweekday())
