"""The staff's side at the kiosk (``/clerk``): sign in, tasks, approvals, reviews, orders, the machine."""

from kiosk.views.clerk import cards, front, machine, orders, reviews, signing, tasks
from kiosk.views.clerk.guard import open_blueprint

blueprint = open_blueprint("clerk", "kiosk", "/clerk")
init = front.init

__all__ = ["blueprint", "cards", "front", "init", "machine", "orders", "reviews", "signing", "tasks"]
