"""How well words are read: ``python -m bench.imaging.reading --count 20`` (licences, ID copies, rings of seals).

A field is right when it is the very string on the paper, empty when the reader was not sure, wrong otherwise. Wrong is
what must not happen: a person may overlook it. ``--seals`` adds the rings of that many good seals, normal and hard.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2

from bench.imaging import capture, pages, papers
from kiosk.hardware.child import Child
from kiosk.imaging import seals

HELD_BACK = 30331


def peak_mb(child: Child) -> float:
    """Largest resident memory of the reader's process so far."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def cpu(child: Child) -> float:
    """Seconds of processor time of the reader's process."""
    parts = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def documents(reader: Child, seed: int, count: int, kind: str, photo: bool, wrong: bool) -> dict[str, Any]:
    told: dict[str, Counter[str]] = {}
    spent = []
    for index in range(count):
        paper = papers.make(seed, index, kind, photo)
        before = cpu(reader)
        read = reader.call(kind, deadline=120, picture=paper.data)
        spent.append(cpu(reader) - before)
        for key, value in paper.truth.items():
            got = read.get(key, "")
            verdict = "right" if got == value else "empty" if not got else "wrong"
            told.setdefault(key, Counter())[verdict] += 1
            if wrong and verdict != "right":
                print(f"   {kind} {'photo' if photo else 'scan'} {index} {key}: {value} -> {got or '(empty)'}")
    fields = {key: {name: counts[name] for name in ("right", "empty", "wrong")} for key, counts in told.items()}
    return {
        "kind": kind, "mode": "photo" if photo else "scan", "papers": count, "fields": fields,
        "cpu_s_median": sorted(spent)[len(spent) // 2],
    }  # fmt: skip


def rings(reader: Child, seed: int, count: int, hard: bool, wrong: bool) -> dict[str, Any]:
    """Right: the unit's own name is known again. Told: another unit's name, and one with one character changed, are."""
    out: Counter[str] = Counter()
    names: list[str] = []
    for index in range(count):
        page = pages.make(seed, index, "unit", hard, "good")
        seen = (capture.photo if index % 5 == 4 else capture.scan)(page, seed, index)
        verdict = seals.check(seen.data, "unit", seen.dpi, mark=False)
        if verdict.seal_png is None:
            out["not found"] += 1
            continue
        own = reader.call("ring_name", deadline=60, seal_png=verdict.seal_png, name=page.name)
        out["right"] += own.same
        out["held against wrongly"] += own.sure and not own.same
        if wrong and not own.same:
            print(f"   ring {'hard' if hard else 'normal'} {index}: {page.name} -> {own.text} {own.score:.2f}")
        changed = page.name[:3] + ("泰" if page.name[3] != "泰" else "安") + page.name[4:]
        for label, name in (("other told", names[-1] if names else "常德市星河科技有限公司"), ("one told", changed)):
            found = reader.call("ring_name", deadline=60, seal_png=verdict.seal_png, name=name)
            out[label] += (found.sure and not found.same) or name == page.name
        names.append(page.name)
    return {"kind": "ring", "hard": hard, "seals": count, **out}


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench.imaging.reading")
    asked.add_argument("--count", type=int, default=10, help="papers of each kind and mode")
    asked.add_argument("--seals", type=int, default=0)
    asked.add_argument("--seed", type=int, default=HELD_BACK)
    asked.add_argument("--wrong", action="store_true", help="list what was not right")
    given = asked.parse_args()
    cv2.setNumThreads(1)
    every: list[dict[str, Any]] = []
    with Child("reader", "kiosk.imaging.ocr:Reader", {}, memory_mb=2048, start_timeout=60) as reader:
        began = time.perf_counter()
        reader.call("ready", deadline=60)
        start = time.perf_counter() - began
        for kind in ("licence", "id_front", "id_back") if given.count else ():
            for photo in (False, True):
                every.append(documents(reader, given.seed, given.count, kind, photo, given.wrong))
                print(json.dumps(every[-1], ensure_ascii=False), flush=True)
        for hard in (False, True) if given.seals else ():
            every.append(rings(reader, given.seed, given.seals, hard, given.wrong))
            print(json.dumps(every[-1], ensure_ascii=False), flush=True)
        peak = peak_mb(reader)
    print(json.dumps({"sets": every, "peak_mb": round(peak), "start_s": round(start, 2)}, ensure_ascii=False))


if __name__ == "__main__":
    main()
