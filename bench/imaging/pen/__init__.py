"""Training of the small network that tells a person's ink from print: scenes drawn here, learned by ``train``."""
