"""``flask --app wsgi`` and the production server both start here; the role comes from the configuration."""

from kiosk import create_app

app = create_app()
