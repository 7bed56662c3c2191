"""Drawn pages kept in a folder, so that a second look at the same pages need not draw them again."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.imaging import capture, pages


@dataclass(frozen=True)
class Job:
    """One page of a set: ``mode`` 'scan' or 'photo'; ``shelf``: the folder of drawn pages, None keeps nothing."""

    seed: int
    index: int
    family: str
    mode: str
    hard: bool
    shelf: Path | None = None


@dataclass(frozen=True)
class Drawn:
    """A captured page and what is true of it: its picture, the ink's coverage in the picture's grid, its labels."""

    data: bytes
    dpi: int | None
    alpha: NDArray[np.uint8]
    origin: tuple[int, int]
    labels: list[str]
    kind: str
    diameter_mm: float | None


def drawn(job: Job) -> Drawn:
    """The page from the shelf, or drawn now (and laid there)."""
    if job.shelf is None:
        return _draw(job)
    hard = "hard" if job.hard else "normal"
    place = job.shelf / str(job.seed) / f"{job.family}-{job.mode}-{hard}-{job.index:04d}.npz"
    if place.exists():
        return _load(place)
    page = _draw(job)
    place.parent.mkdir(parents=True, exist_ok=True)
    _lay(place, page)
    return page


def _draw(job: Job) -> Drawn:
    page = pages.make(job.seed, job.index, job.family, job.hard)
    seen = (capture.scan if job.mode == "scan" else capture.photo)(page, job.seed, job.index)
    return Drawn(seen.data, seen.dpi, seen.alpha, seen.origin, page.labels, page.kind, page.diameter_mm)


def _lay(place: Path, page: Drawn) -> None:
    out = io.BytesIO()
    np.savez_compressed(
        out,
        data=np.frombuffer(page.data, np.uint8),
        alpha=page.alpha,
        numbers=np.array([page.dpi or 0, *page.origin, page.diameter_mm or 0], np.float64),
        words=np.array([page.kind, *page.labels]),
    )
    half = place.with_suffix(".half")
    half.write_bytes(out.getvalue())
    half.replace(place)


def _load(place: Path) -> Drawn:
    with np.load(place) as kept:
        dpi, x, y, diameter = (float(v) for v in kept["numbers"])
        kind, *labels = (str(word) for word in kept["words"])
        data, alpha = kept["data"].tobytes(), kept["alpha"]
    return Drawn(data, int(dpi) or None, alpha, (int(x), int(y)), labels, kind, diameter or None)
