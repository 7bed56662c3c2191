"""The handlers, one class for each kind of effect."""

from kiosk.orders.effects import LANES
from kiosk.worker.effects import (
    authority,
    desk,
    money,
    paper,
    pos,
    post,
    preflight,
    scanning,
    seals,
    tokens,
    withdraw,
    writing,
)
from kiosk.worker.outcomes import Handler

_CLASSES: tuple[type[Handler], ...] = (
    desk.CardRead,
    desk.TokenRead,
    desk.TokenBlank,
    desk.TokenProve,
    scanning.Scan,
    preflight.Preflight,
    writing.TokenAdopt,
    writing.WriteKey,
    seals.MakeSeal,
    seals.WriteSeal,
    tokens.TokenNext,
    tokens.TokenUnlock,
    authority.CaIssue,
    authority.CaAct,
    authority.CaFind,
    writing.WriteCertificate,
    authority.CaConfirm,
    money.PayOpen,
    money.PayWatch,
    money.RefundPayment,
    pos.PosBegin,
    pos.PosCharge,
    pos.PosVoid,
    withdraw.CaRevoke,
    paper.PaperMake,
    paper.PrintReceipt,
    paper.PrintForm,
    paper.PrintSheet,
    post.SmsSend,
)
HANDLERS: dict[str, Handler] = {cls.kind: cls() for cls in _CLASSES}

if {kind: handler.lane for kind, handler in HANDLERS.items()} != LANES:
    raise RuntimeError("every effect in kiosk.orders.effects.LANES needs a handler, in the lane named there")
