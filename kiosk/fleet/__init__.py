"""Events out, configuration in."""
