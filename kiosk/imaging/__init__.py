"""Pages, seals and signatures: rectify, judge, cut out."""

import os

# One picture keeps one core busy: a pool of NumPy's own would spend a second one on waiting.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
