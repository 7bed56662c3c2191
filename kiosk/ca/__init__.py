"""CA connectors."""
