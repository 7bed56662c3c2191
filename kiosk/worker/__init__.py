"""Performs the effects in the outside world."""
