"""The journey: one generic view walks the steps; paying, working and done follow the order's state."""

from kiosk.views.journey import capture_page, money, pin_pages, rate, routes, service_pages, voucher, work
from kiosk.views.journey.routes import blueprint

__all__ = ["blueprint", "capture_page", "money", "pin_pages", "rate", "routes", "service_pages", "voucher", "work"]
