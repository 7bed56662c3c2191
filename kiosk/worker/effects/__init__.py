"""The handlers, one class for each kind of effect."""

from kiosk.orders.effects import LANES
from kiosk.worker.effects import desk, money, paper, preflight, writing
from kiosk.worker.outcomes import Handler

_CLASSES: tuple[type[Handler], ...] = (
    desk.CardRead,
    desk.TokenRead,
    desk.TokenBlank,
    desk.TokenProve,
    desk.Scan,
    preflight.Preflight,
    writing.TokenAdopt,
    writing.WriteKey,
    writing.CaIssue,
    writing.WriteCertificate,
    writing.CaConfirm,
    money.PayOpen,
    money.PayWatch,
    money.RefundPayment,
    paper.PaperMake,
    paper.PrintReceipt,
    paper.PrintForm,
)
HANDLERS: dict[str, Handler] = {cls.kind: cls() for cls in _CLASSES}

if {kind: handler.lane for kind, handler in HANDLERS.items()} != LANES:
    raise RuntimeError("every effect in kiosk.orders.effects.LANES needs a handler, in the lane named there")
