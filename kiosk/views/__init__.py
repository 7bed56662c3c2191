"""Blueprints: what a browser may ask."""
