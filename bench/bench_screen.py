"""What a finger and an eye wait for: ``python -m bench.bench_screen [--rounds N]``, Chromium against a running kiosk.

Milliseconds from a tap to the next step being painted, of the first paint of a page in an empty browser, from a letter
to its candidates; bytes of a first page, as sent and as unpacked. The floor, measured in the same browser and run, is
one uncached request for a file of 400 bytes. Goals: step p95 ≤ 200 ms, first paint ≤ 300 ms, candidates p95 ≤ 50 ms
(5 ms in the engine alone), page ≤ 100 KB.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from kiosk.ime.build import index_path
from kiosk.ime.engine import Engine
from kiosk.views.ime import place_names
from tests.browser.conftest import CHROMIUM
from tests.running import Running, prepare

PHRASES = ("hunanshengshuzirenzhengfuwuzhongxinyouxiangongsi", "wangjunxuan", "yiyangshiyingbindonglu", "zgjsyh")
SIZE = {"width": 1080, "height": 1920}
WATCH = """
window.taps = [];
let began = 0;
addEventListener('click', () => { began = performance.now(); }, true);
addEventListener('htmx:afterSettle', () => requestAnimationFrame(() => requestAnimationFrame(() => {
  if (began) taps.push(performance.now() - began);
  began = 0;
})));
"""
ASK = """async ([letters, token]) => {
  const times = [];
  for (const py of letters) {
    const began = performance.now();
    await (await fetch('/ime', { method: 'POST', body: new URLSearchParams({ py, page: '0' }), headers: { 'X-CSRFToken': token } })).text();
    times.push(performance.now() - began);
  }
  return times;
}"""  # noqa: E501
FLOOR = """async (rounds) => {
  const times = [];
  for (let n = 0; n < rounds; n++) {
    const began = performance.now();
    await (await fetch('/static/seal.svg', { cache: 'no-store' })).text();
    times.push(performance.now() - began);
  }
  return times;
}"""
FIRST = """() => {
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const sum = (name) => all.reduce((whole, one) => whole + one[name], 0);
  const paint = performance.getEntriesByName('first-contentful-paint')[0].startTime;
  return { paint, requests: all.length, sent: sum('encodedBodySize'), unpacked: sum('decodedBodySize') };
}"""


def spread(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile, in milliseconds."""
    ranked = sorted(times)
    return {
        "p50": round(statistics.median(ranked), 1),
        "p95": round(ranked[min(int(len(ranked) * 0.95), len(ranked) - 1)], 1),
    }


def first_pages(browser: Browser, base: str, rounds: int) -> dict[str, Any]:
    """The first page in an empty browser."""
    found = []
    for _ in range(rounds):
        context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(base)
        page.wait_for_load_state("networkidle")
        found.append(page.evaluate(FIRST))
        context.close()
    return {
        "first_paint_ms": spread([one["paint"] for one in found]),
        **{k: found[-1][k] for k in ("requests", "sent", "unpacked")},
    }


def steps(page: Page, base: str, rounds: int) -> list[float]:
    """From tap to the next step painted, over the steps that need no device, order after order."""
    taken: list[float] = []
    for _ in range(rounds):
        page.goto(base)
        page.locator("a.card", has_text="延期").tap()
        page.locator("a.card[href$='kind=unit']").tap()
        page.locator(".actions .primary").tap()
        for code in ("agree-privacy", "agree-responsibility", "agree-declaration_unit", "notes"):
            form = page.locator(f"#step[action$='/{code}']")
            form.locator("label.tile").tap()
            page.locator(".actions .primary").tap()
            expect(form).to_have_count(0)
        taken += page.evaluate("taps.splice(0)")
        page.locator("#leave button").tap()
        page.wait_for_url(base + "/")
    return taken


def engine_alone(home: Path, letters: list[str]) -> list[float]:
    """Milliseconds of CPU for each keystroke."""
    engine, times = Engine(index_path(home / "ime", place_names())), []
    for typed in letters:
        began = time.process_time()
        engine.candidates(typed)
        times.append((time.process_time() - began) * 1000)
    return times


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    letters = [phrase[:end] for phrase in PHRASES for end in range(1, len(phrase) + 1)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Running(prepare(Path(folder) / "home")) as kiosk,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = browser.new_context(viewport=SIZE, has_touch=True)  # type: ignore[arg-type]
        context.add_init_script(WATCH)
        page = context.new_page()
        steps(page, kiosk.base, 2)  # everything read from the disk once
        tapped = steps(page, kiosk.base, rounds)
        token = page.locator("#leave input[name=csrf_token]").input_value()
        floor, step = spread(page.evaluate(FLOOR, 100)), spread(tapped)
        result = {
            "load": round(os.getloadavg()[0], 1),
            "floor_ms": floor,
            "next_step_ms": step,
            "next_step_to_floor": round(step["p50"] / floor["p50"], 1),
            "taps": len(tapped),
            "first_page": first_pages(browser, kiosk.base, rounds),
            "candidates_ms": spread(page.evaluate(ASK, [letters, token])),
            "candidates_engine_ms": spread(engine_alone(kiosk.settings.home, letters)),
        }
        browser.close()
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
