"""Judge the room on pages it has not seen: ``python -m bench.imaging --pages 200 --seed 20263 [--hard]``.

Prints one table per set (unit and personal, scans and photos; normal and hard) and one JSON object at the end.
Seeds from HELD_BACK are for this bench only; develop with others.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from bench.imaging import capture, pages
from bench.imaging.shelf import Drawn, Job, drawn
from kiosk.imaging import memory, seals
from kiosk.imaging.verdict import SealVerdict

HELD_BACK = 20263
PHOTOS = 5000  # number of the first photographed page: no page is both scanned and photographed
AIMS = {
    False: {"unit": 0.97, "personal": 0.92, "iou": (0.95, 0.90), "diameter": (0.05, 0.12), "handwriting": 0.9},
    True: {"unit": 0.93, "personal": 0.85, "iou": (0.93, 0.86), "diameter": (0.06, 0.13), "handwriting": 0.8},
}
BUDGET_MS = {"scan": 150, "photo": 400}


def overlap(verdict: SealVerdict, truth: Drawn | capture.Picture) -> float:
    """Intersection over union of the two masks at half coverage."""
    assert verdict.alpha is not None
    placed = []
    origins = np.array([verdict.alpha_origin, truth.origin])
    sizes = np.array([verdict.alpha.shape[::-1], truth.alpha.shape[::-1]])
    low, high = origins.min(axis=0), (origins + sizes).max(axis=0)
    for mask, (x, y) in ((verdict.alpha, verdict.alpha_origin), (truth.alpha, truth.origin)):
        canvas = np.zeros((high[1] - low[1], high[0] - low[0]), bool)
        canvas[y - low[1] : y - low[1] + mask.shape[0], x - low[0] : x - low[0] + mask.shape[1]] = mask >= 128
        placed.append(canvas)
    return float((placed[0] & placed[1]).sum() / max(1, (placed[0] | placed[1]).sum()))


def one(job: Job) -> dict[str, Any]:
    """Draw one page, judge it, compare."""
    cv2.setNumThreads(1)
    memory.keep_freed()
    page = drawn(job)
    began = time.process_time()
    with Image.open(io.BytesIO(page.data)) as image:
        image.load()
    floor = (time.process_time() - began) * 1000
    began = time.process_time()
    verdict = seals.check(page.data, job.family, page.dpi, cut=False, mark=False)
    took = (time.process_time() - began) * 1000
    good = not page.labels and verdict.found
    row: dict[str, Any] = {"index": job.index, "want": page.labels, "got": [str(d) for d in verdict.defects]}
    row |= {"ms": took, "floor": floor, "dpi": page.dpi, "kind": page.kind}
    row["iou"] = overlap(verdict, page) if good else None
    if good and page.diameter_mm and verdict.diameter_mm:
        row["off_mm"] = abs(verdict.diameter_mm - page.diameter_mm)
    return row


def handwritten(rows: list[dict[str, Any]], label: str) -> dict[str, Any]:
    """How many signatures over print (``label``: over_text or over_line) there are, and the share told so."""
    wanted = [r for r in rows if r["kind"] == "signature" and label in r["want"]]
    hit = sum(label in r["got"] for r in wanted)
    return {"pages": len(wanted), "recall": hit / len(wanted) if wanted else None}


def figures(rows: list[dict[str, Any]], family: str, mode: str, hard: bool) -> dict[str, Any]:
    """The aims' figures of one set."""
    labels = pages.UNIT if family == "unit" else pages.PERSONAL
    told = {}
    for label in labels:
        wanted = [r for r in rows if label in r["want"]]
        hit = sum(label in r["got"] for r in wanted)
        false = sum(label in r["got"] for r in rows if label not in r["want"])
        others = len(rows) - len(wanted)
        told[label] = {"pages": len(wanted), "recall": hit / len(wanted) if wanted else None,
                       "precision": hit / (hit + false) if hit + false else None,
                       "false_alarm": false / others if others else None}  # fmt: skip
    good, blank = [r for r in rows if not r["want"]], [r for r in rows if r["want"] == ["none"]]
    bad = [r for r in rows if r["want"]]
    inked = [r for r in rows if r["want"] != ["none"]]
    usual = [r for r in rows if r["dpi"] in (300, None)]
    iou, off = ([r[k] for r in good if r.get(k) is not None] for k in ("iou", "off_mm"))
    return {
        "family": family, "mode": mode, "hard": hard, "pages": len(rows),
        "exact": sum(set(r["want"]) == set(r["got"]) for r in rows) / len(rows),
        "found": sum(r["got"] != ["none"] for r in inked) / max(1, len(inked)),
        "found_on_blank": sum(r["got"] != ["none"] for r in blank), "blank": len(blank),
        "good_accepted": sum(not r["got"] for r in good) / max(1, len(good)), "good": len(good),
        "bad_refused": sum(bool(r["got"]) for r in bad) / max(1, len(bad)),
        "iou_mean": float(np.mean(iou)) if iou else None, "iou_p5": float(np.percentile(iou, 5)) if iou else None,
        "diameter_mean": float(np.mean(off)) if off else None,
        "diameter_p95": float(np.percentile(off, 95)) if off else None,
        "cpu_ms_median": float(np.median([r["ms"] for r in usual])),
        "cpu_ms_p95": float(np.percentile([r["ms"] for r in usual], 95)),
        "budget_ms": BUDGET_MS[mode],
        "floor_ratio": float(np.median([r["ms"] / max(1, r["floor"]) for r in usual])),
        "handwriting": {label: handwritten(rows, label) for label in ("over_text", "over_line")},
        "labels": told,
    }  # fmt: skip


def table(told: dict[str, Any]) -> str:
    """One set as text, each figure beside its aim."""
    aim = AIMS[told["hard"]]

    def show(value: float | None) -> str:
        return "   -  " if value is None else f"{value:6.3f}"

    lines = [
        f"== {told['family']} {told['mode']} {'hard' if told['hard'] else 'normal'}: {told['pages']} pages ==",
        f"exact set          {show(told['exact'])}  (aim {aim[told['family']]})",
        f"found              {show(told['found'])}   found on blank {told['found_on_blank']}/{told['blank']}",
        f"good accepted      {show(told['good_accepted'])}   bad refused {show(told['bad_refused'])}",
        f"IoU mean / p5      {show(told['iou_mean'])} {show(told['iou_p5'])}  (aim {aim['iou']})",
        f"diameter mean/p95  {show(told['diameter_mean'])} {show(told['diameter_p95'])} mm  (aim {aim['diameter']})",
        f"CPU median / p95   {told['cpu_ms_median']:6.0f} {told['cpu_ms_p95']:6.0f} ms (aim {told['budget_ms']}), "
        f"{told['floor_ratio']:.1f} times the JPEG decoding alone",
        *(
            f"handwriting {label}  {show(row['recall'])}  of {row['pages']} (aim {aim['handwriting']})"
            for label, row in told["handwriting"].items()
            if row["pages"]
        ),
        "label           pages  recall  precision  false alarm",
    ]
    for label, row in told["labels"].items():
        lines.append(
            f"{label:<15}{row['pages']:>5}  {show(row['recall'])}  {show(row['precision'])}"
            f"     {show(row['false_alarm'])}"
        )
    return "\n".join(lines)


def peak(family: str, mode: str, seed: int) -> int:
    """Peak MB of a fresh process that judges one page and does nothing else."""
    page = pages.make(seed, 0, family, False, "good")
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write((capture.scan if mode == "scan" else capture.photo)(page, seed, 0).data)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-c", _ALONE, file.name, family], capture_output=True, check=True, text=True
        )
    return int(done.stdout)


_ALONE = """
import sys
from pathlib import Path
import cv2
from kiosk.imaging import memory, seals
cv2.setNumThreads(1)
memory.keep_freed()
seals.check(Path(sys.argv[1]).read_bytes(), sys.argv[2], None, cut=False, mark=False)
said = Path("/proc/self/status").read_text()  # getrusage also counts the process that started this one
print(int(said.split("VmHWM:")[1].split()[0]) // 1024)
"""


def main() -> None:
    """Run the sets asked for."""
    asked = argparse.ArgumentParser(prog="bench.imaging")
    asked.add_argument("--pages", type=int, default=120, help="pages per set")
    asked.add_argument("--seed", type=int, default=HELD_BACK)
    asked.add_argument("--hard", action="store_true", help="hard pages only")
    asked.add_argument("--normal", action="store_true", help="normal pages only")
    asked.add_argument("--sets", default="unit-scan,personal-scan,unit-photo,personal-photo")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    asked.add_argument("--shelf", type=Path, help="folder that keeps the drawn pages for the next time")
    asked.add_argument("--wrong", action="store_true", help="list every page judged wrongly")
    given = asked.parse_args()
    every = []
    for hard in ([False] if given.normal else []) + ([True] if given.hard else []) or [False, True]:
        for name in given.sets.split(","):
            family, mode = name.split("-")
            count = given.pages if mode == "scan" else max(10, given.pages // 2)
            first = 0 if mode == "scan" else PHOTOS
            jobs = [Job(given.seed, first + index, family, mode, hard, given.shelf) for index in range(count)]
            with ProcessPoolExecutor(given.workers) as pool:
                rows = list(pool.map(one, jobs, chunksize=4))
            told = figures(rows, family, mode, hard)
            every.append(told)
            print(table(told), flush=True)
            wrong = [r for r in rows if set(r["want"]) != set(r["got"])]
            if given.wrong:
                for row in wrong:
                    print("  ", row["index"], row["kind"], row["want"], "->", row["got"])
            else:
                print(Counter(f"{'+'.join(r['want']) or 'good'} -> {'+'.join(r['got']) or 'good'}" for r in wrong))
    peaks = {mode: peak("unit", mode, given.seed) for mode in sorted({told["mode"] for told in every})}
    print("peak memory of a process that only judges, MB: " + ", ".join(f"{k} {v}" for k, v in peaks.items()))
    print(json.dumps({"seed": given.seed, "sets": every, "peak_mb": peaks}, ensure_ascii=False))


if __name__ == "__main__":
    main()
