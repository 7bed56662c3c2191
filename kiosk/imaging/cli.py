"""Command line: judge the seals in picture files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import cv2

from kiosk.imaging import memory, seals
from kiosk.imaging.cutout import png
from kiosk.imaging.verdict import PictureRefused, SealVerdict


@click.group()
def seal() -> None:
    """Seals and signatures on application forms."""


@seal.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--family", type=click.Choice(["unit", "personal"]), help="Kind of form; seen if not told.")
@click.option("--dpi", type=click.FloatRange(50, 2400), help="Resolution of a scan; else from the file or page size.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for masks and cut-outs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(files: tuple[Path, ...], family: str | None, dpi: float | None, out: Path | None, as_json: bool) -> None:
    """Judge the capture box on each FILE."""
    cv2.setNumThreads(1)
    memory.keep_freed()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    answers: dict[str, Any] = {}
    for number, path in enumerate(files):
        answers[str(path)] = _answer(path, family, dpi, out, number)
    if as_json:
        click.echo(json.dumps(answers, ensure_ascii=False))
        return
    for name, answer in answers.items():
        told = answer.get("refused") or ", ".join(answer["defects"]) or "accepted"
        size = f" {answer['diameter_mm']:.2f} mm" if answer.get("diameter_mm") else ""
        click.echo(f"{name}: {told}{size}")


def _answer(path: Path, family: str | None, dpi: float | None, out: Path | None, number: int) -> dict[str, Any]:
    try:
        verdict = seals.check(path.read_bytes(), family, dpi, cut=out is not None, mark=False)
    except PictureRefused as refused:
        return _refused(refused.code)
    except OSError:
        return _refused("unreadable")
    except (cv2.error, ArithmeticError, LookupError, ValueError, MemoryError):
        return _refused("failed")
    alpha, cut = _saved(verdict, out, f"{number:04d}-{path.stem}")
    return {
        "found": verdict.found,
        "defects": [str(label) for label in verdict.defects],
        "center_px": list(verdict.center_px) if verdict.center_px else None,
        "diameter_mm": verdict.diameter_mm,
        "alpha": alpha,
        "alpha_origin": list(verdict.alpha_origin) if verdict.found else None,
        "seal": cut,
        "ms": round(verdict.ms, 1),
    }


def _refused(code: str) -> dict[str, Any]:
    return {"found": False, "defects": [], "center_px": None, "diameter_mm": None, "alpha": None,
            "alpha_origin": None, "seal": None, "ms": 0.0, "refused": code}  # fmt: skip


def _saved(verdict: SealVerdict, out: Path | None, stem: str) -> tuple[str | None, str | None]:
    """Write the mask and the cut-out; the paths written."""
    if out is None or verdict.alpha is None or verdict.seal_png is None:
        return None, None
    alpha, cut = out / f"{stem}.alpha.png", out / f"{stem}.seal.png"
    alpha.write_bytes(png(verdict.alpha, 300))
    cut.write_bytes(verdict.seal_png)
    return str(alpha), str(cut)
