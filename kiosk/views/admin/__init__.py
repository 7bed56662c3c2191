"""The staff's side in the office (``/admin``): everything of the desk, and dashboard, audit, statistics, catalogue."""

from kiosk.views.admin import catalogue, dashboard, finance, notices, records, security_keys, sessions, staff
from kiosk.views.clerk.guard import open_blueprint

blueprint = open_blueprint("admin", "admin", "/admin")

__all__ = ["blueprint", "catalogue", "dashboard", "finance", "notices", "records", "security_keys", "sessions", "staff"]
