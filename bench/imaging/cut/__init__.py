"""Training of the small network that weighs lines of cut strokes: marks drawn here, learned by ``train``."""
