"""The same kiosk and staff as for the desk."""

from tests.clerk.conftest import app, empty_home, staff

__all__ = ["app", "empty_home", "staff"]
