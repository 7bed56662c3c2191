"""The core: orders, their moves, the journey and its rules."""
