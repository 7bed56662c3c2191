"""Teach the network that weighs lines of cut strokes: ``python -m bench.imaging.cut.train kiosk/imaging/cuts.npz``.

Draws ``--marks`` small marks, finds the lines the product finds on them, and fits a small network by plain gradient
descent. Takes some minutes on one core; the same arguments give the same weights.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.imaging.cut import marks
from kiosk.imaging import cuts

SEED = 50611
HIDDEN = 8
FOLDS = 3
NEAR = 5.0  # pixels from the cut at which a line is taken to be that cut
ALONG = float(np.cos(np.radians(3)))
ALARMS = (0.003, 0.005, 0.01)

Array = NDArray[Any]
Found = tuple[str, bool, Array, Array]


def _found(index: int) -> Found:
    """Kind of a mark, whether it is a hard one, the lines found on it (N x FEATURES), and which of them are cuts."""
    cv2.setNumThreads(1)
    drawn = marks.mark(SEED, index)
    every = cuts.candidates(drawn.strong, drawn.solid)
    facts = np.array([one.facts for one in every], np.float32).reshape(-1, cuts.FEATURES)
    return drawn.kind, drawn.hard, facts, np.array([_is_cut(one, drawn) for one in every], bool)


def _is_cut(one: cuts.Candidate, drawn: marks.Mark) -> bool:
    middle, ink = np.mean(np.array(one.line), axis=0), np.array(one.ink)
    return any(ink @ (x, y) > ALONG and abs(middle @ (x, y) - off) < NEAR for x, y, off in drawn.cuts)


def fit(facts: Array, truth: Array, steps: int, seed: int) -> dict[str, Array]:
    """Eight bent units beside a straight sum, by Adam; ``facts`` N x FEATURES, ``truth`` N."""
    rng = np.random.default_rng(seed)
    mean, spread = facts.mean(0), facts.std(0) + 1e-3
    even = (facts - mean) / spread
    wide = even.shape[1]
    held = [rng.normal(0, wide**-0.5, (wide, HIDDEN)), np.zeros(HIDDEN), rng.normal(0, HIDDEN**-0.5, HIDDEN)]
    held += [np.zeros(wide), np.zeros(1)]
    first, second = [np.zeros_like(p) for p in held], [np.zeros_like(p) for p in held]
    for step in range(1, steps + 1):
        pick = rng.integers(0, len(even), 512)
        x = even[pick]
        bent = np.tanh(x @ held[0] + held[1])
        off = (1 / (1 + np.exp(-(bent @ held[2] + x @ held[3] + held[4]))) - truth[pick]) / len(pick)
        back = np.outer(off, held[2]) * (1 - bent * bent)
        slopes = [x.T @ back, back.sum(0), bent.T @ off, x.T @ off, off.sum(keepdims=True)]
        rate = 5e-3 * (1 + np.cos(np.pi * step / steps)) + 1e-5
        for k, slope in enumerate(slopes):
            slope = slope + 3e-4 * held[k]
            first[k] += 0.1 * (slope - first[k])
            second[k] += 0.001 * (slope**2 - second[k])
            held[k] = held[k] - rate * first[k] / (1 - 0.9**step) / (np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8)
    names = ("hidden", "shift", "out", "straight", "bias")
    taught = dict(zip(names, held, strict=True)) | {"mean": mean, "spread": spread}
    return {name: np.asarray(part, np.float32) for name, part in taught.items()}


def taught(every: list[Found], steps: int, seed: int) -> dict[str, Array]:
    """Fitted to the cuts of cut marks and to every line on the others; other lines on a cut mark tell nothing."""
    kept = [(facts, is_cut) if kind != "cut" else (facts[is_cut], is_cut[is_cut]) for kind, _, facts, is_cut in every]
    return fit(np.concatenate([f for f, _ in kept]), np.concatenate([t for _, t in kept]).astype(float), steps, seed)


def report(every: list[Found], steps: int) -> None:
    """Recall and false alarms on marks not learned from, at several limits."""
    sure = np.zeros(len(every))
    for fold in range(FOLDS):
        weights = taught([one for k, one in enumerate(every) if k % FOLDS != fold], steps, fold)
        for k in range(fold, len(every), FOLDS):
            facts = every[k][2]
            sure[k] = cuts.weighed(facts, weights).max() if len(facts) else 0.0
    kinds, hard = np.array([one[0] for one in every]), np.array([one[1] for one in every])
    for alarm in ALARMS:
        limit = float(np.quantile(sure[np.isin(kinds, ["good", "named"])], 1 - alarm))
        told = {kind: f"{(sure[kinds == kind] > limit).mean():.4f}" for kind in marks.KINDS if kind != "cut"}
        recall = [float((sure[(kinds == "cut") & (hard == which)] > limit).mean()) for which in (False, True)]
        print(f"limit {limit:.3f}: recall {recall[0]:.3f} hard {recall[1]:.3f}, told of others {told}")


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench.imaging.cut.train")
    asked.add_argument("file", type=Path)
    asked.add_argument("--marks", type=int, default=6000)
    asked.add_argument("--steps", type=int, default=4000)
    asked.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    given = asked.parse_args()
    with ProcessPoolExecutor(given.workers) as pool:
        every = list(pool.map(_found, range(given.marks), chunksize=25))
    report(every, given.steps)
    np.savez_compressed(given.file, **taught(every, given.steps, FOLDS))


if __name__ == "__main__":
    main()
