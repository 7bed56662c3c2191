"""Teach the networks that tell a person's ink from print: ``python -m bench.imaging.pen.train kiosk/imaging/pen.npz``.

Draws ``--scenes`` windows, describes their inked spots as the product does, and fits two small networks by plain
gradient descent. Takes some minutes on one core; the same arguments give the same weights.
"""

from __future__ import annotations

import argparse
import itertools
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.imaging.pen import scenes
from kiosk.imaging import pen

SEED = 90417
WIDTHS = (56, 28)
PER_SCENE = 400
THERE = 90  # of 255: coverage from which a spot is what the truth map says
Taught = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def _scene(index: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Features, inked spots and truth of one scene."""
    cv2.setNumThreads(1)
    drawn = scenes.scene(SEED, index)
    maps, spots = pen.described(drawn.ink)
    return np.stack(maps, 2).astype(np.float16), spots, drawn.maps[..., : pen.KINDS] > THERE


def drawn(count: int, workers: int) -> list[Taught]:
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(_scene, range(count), chunksize=25))


def fit(spots: NDArray[Any], truth: NDArray[Any], steps: int, seed: int) -> pen.Layers:
    """Three layers by Adam; ``spots`` N x F, ``truth`` N x KINDS."""
    rng = np.random.default_rng(seed)
    mean, spread = spots.mean(0), spots.std(0) + 0.02
    sizes = (spots.shape[1], *WIDTHS, truth.shape[1])
    layers = [(rng.normal(0, np.sqrt(2 / a), (a, b)), np.zeros(b)) for a, b in itertools.pairwise(sizes)]
    held = [part.astype(np.float32) for layer in layers for part in layer]
    first, second = [np.zeros_like(p) for p in held], [np.zeros_like(p) for p in held]
    for step in range(1, steps + 1):
        pick = rng.integers(0, len(spots), 2048)
        x = ((spots[pick] - mean) / spread).astype(np.float32)
        rate = 3e-3 * min(1.0, step / 100) * (0.01 + 0.99 * (0.5 + 0.5 * np.cos(np.pi * step / steps)))
        for k, slope in enumerate(_slopes(held, x, truth[pick])):
            first[k] += 0.1 * (slope - first[k])
            second[k] += 0.002 * (slope**2 - second[k])
            unbiased = first[k] / (1 - 0.9**step), second[k] / (1 - 0.998**step)
            held[k] -= rate * (unbiased[0] / (np.sqrt(unbiased[1]) + 1e-7) + 1e-4 * held[k])
    held[1] = held[1] - (mean / spread) @ held[0]
    held[0] = held[0] / spread[:, None]
    return [(held[k].astype(np.float32), held[k + 1].astype(np.float32)) for k in (0, 2, 4)]


def _slopes(held: list[NDArray[Any]], x: NDArray[Any], truth: NDArray[Any]) -> list[NDArray[Any]]:
    """Gradients of the mean cross entropy."""
    a = np.maximum(x @ held[0] + held[1], 0)
    b = np.maximum(a @ held[2] + held[3], 0)
    off = (1 / (1 + np.exp(-np.clip(b @ held[4] + held[5], -30, 30))) - truth).astype(np.float32) / len(x)
    back_b = (off @ held[4].T) * (b > 0)
    back_a = (back_b @ held[2].T) * (a > 0)
    return [x.T @ back_a, back_a.sum(0), a.T @ back_b, back_b.sum(0), b.T @ off, off.sum(0)]


def _some(rng: np.random.Generator, maps: NDArray[Any], spots: NDArray[Any], truth: NDArray[Any]) -> Any:
    rows, cols = np.nonzero(spots)
    pick = rng.choice(len(rows), min(PER_SCENE, len(rows)), replace=False)
    return maps[rows[pick], cols[pick]].astype(np.float32), truth[rows[pick], cols[pick]]


def _extended(layers: pen.Layers, maps: NDArray[Any], spots: NDArray[Any]) -> NDArray[Any]:
    """The features with what the first network says of the neighbourhood."""
    near = np.zeros((*spots.shape, pen.KINDS), np.float32)
    near[spots] = pen.answer(layers, maps[spots].astype(np.float32))
    more = np.concatenate([maps[spots].astype(np.float32), *pen.neighbourhood(near, spots, spots)], axis=1)
    out = np.zeros((*spots.shape, more.shape[1]), np.float32)
    out[spots] = more
    return out


def teach(every: list[Taught], steps: int) -> dict[str, NDArray[Any]]:
    """Fit the first network, then the second one on top of it."""
    rng = np.random.default_rng(SEED)
    taught: dict[str, NDArray[Any]] = {}
    first: pen.Layers = []
    for stage in ("first_", "second_"):
        some = [_some(rng, _extended(first, m, s) if first else m, s, t) for m, s, t in every if s.any()]
        layers = fit(np.concatenate([x for x, _ in some]), np.concatenate([y for _, y in some]), steps, len(stage))
        for k, (weight, bias) in enumerate(layers):
            taught[f"{stage}w{k}"], taught[f"{stage}b{k}"] = weight, bias
        first = first or layers
    return taught


def report(taught: dict[str, NDArray[Any]], every: list[Taught]) -> None:
    """Recall and precision per kind on scenes not learned from."""
    stages = [[(taught[f"{s}w{k}"], taught[f"{s}b{k}"]) for k in range(3)] for s in ("first_", "second_")]
    said, true = [], []
    for maps, spots, truth in every:
        if spots.any():
            said.append(pen.answer(stages[1], _extended(stages[0], maps, spots)[spots]) > 0.5)
            true.append(truth[spots])
    says, is_so = np.concatenate(said), np.concatenate(true)
    for k, name in enumerate(scenes.MAPS[: pen.KINDS]):
        right = (says[:, k] & is_so[:, k]).sum()
        print(f"{name:<6} recall {right / is_so[:, k].sum():.3f} precision {right / max(1, says[:, k].sum()):.3f}")


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench.imaging.pen.train")
    asked.add_argument("file", type=Path)
    asked.add_argument("--scenes", type=int, default=2600)
    asked.add_argument("--steps", type=int, default=6000)
    asked.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    given = asked.parse_args()
    every = drawn(given.scenes, given.workers)
    held_back = max(1, len(every) // 13)
    taught = teach(every[held_back:], given.steps)
    report(taught, every[:held_back])
    np.savez_compressed(given.file, **{name: part.astype(np.float16) for name, part in taught.items()})


if __name__ == "__main__":
    main()
