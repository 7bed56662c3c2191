"""CA self-service kiosk."""
