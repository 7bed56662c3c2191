"""A scanner's glass: prepares a private SANE configuration whose ``pnm`` backend serves what lies there.

Verbs: ``lay {image: base64 | file: name inside home, dpi, angle, x_mm, y_mm}``, ``clear``, ``fault {kind}``
(truncate: the page ends early, grey: its lower part is filler, hang: the device never answers, unplug; ``none``
clears).
"""

from __future__ import annotations

import base64
import io
import os
import threading
from pathlib import Path
from typing import Any

from PIL import Image

from kiosk.simulators.control import Control, Refused, arguments, lasting_port, serve

A4_MM = (210.0, 297.0)
LID = (250, 250, 248)
MOST_PIXELS = 60_000_000
FAULTS = {"none", "truncate", "grey", "hang", "unplug"}


class Glass:
    """The glass of an A4 flatbed of a fixed resolution; the pnm backend reads ``page.ppm`` at each scan."""

    def __init__(self, home: Path, dpi: int) -> None:
        self.home = home
        self.dpi = dpi
        self.size = (round(A4_MM[0] / 25.4 * dpi), round(A4_MM[1] / 25.4 * dpi))
        self.page = home / "page.ppm"
        self.config = home / "sane"
        self.config.mkdir(parents=True, exist_ok=True)
        (self.config / "dll.conf").write_text("pnm\n")
        self.lock = threading.Lock()
        self.fault = "none"
        self.lies = False
        self.picture = Image.new("RGB", self.size, LID)
        self._serve()

    def lay(self, body: dict[str, Any]) -> dict[str, Any]:
        sheet = self._sheet(body)
        angle = float(body.get("angle", 0))
        at = tuple(round(float(body.get(key, 0)) / 25.4 * self.dpi) for key in ("x_mm", "y_mm"))
        with self.lock:
            self.picture = Image.new("RGB", self.size, LID)
            turned = sheet.convert("RGBA").rotate(angle, Image.Resampling.BICUBIC, expand=True) if angle else sheet
            self.picture.paste(turned, (at[0], at[1]), turned if angle else None)
            self.lies = True
            self._serve()
        return self.state()

    def _sheet(self, body: dict[str, Any]) -> Image.Image:
        """The laid picture at the glass's resolution."""
        try:
            raw = self._raw(body)
            with Image.open(io.BytesIO(raw), formats=["PNG", "JPEG"]) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise Refused("the picture has too many pixels")
                dpi = float(body.get("dpi") or picture.info.get("dpi", (0,))[0] or 0)
                sheet = picture.convert("RGB")
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise Refused("a PNG or JPEG is wanted") from error
        scale = self.dpi / dpi if dpi > 1 else min(self.size[0] / sheet.width, self.size[1] / sheet.height)
        size = (max(1, round(sheet.width * scale)), max(1, round(sheet.height * scale)))
        if size[0] * size[1] > MOST_PIXELS:
            raise Refused("the picture is larger than the glass")
        return sheet if size == sheet.size else sheet.resize(size, Image.Resampling.LANCZOS)

    def _raw(self, body: dict[str, Any]) -> bytes:
        if "image" in body:
            return base64.b64decode(body["image"], validate=True)
        path = (self.home / str(body["file"])).resolve()
        if not path.is_relative_to(self.home.resolve()):
            raise Refused("the file must lie inside the home folder")
        return path.read_bytes()

    def clear(self, _: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.picture, self.lies = Image.new("RGB", self.size, LID), False
            self._serve()
        return self.state()

    def set_fault(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("kind") not in FAULTS:
            raise Refused(f"kind must be one of {', '.join(sorted(FAULTS))}")
        with self.lock:
            self.fault = str(body["kind"])
            self._serve()
        return self.state()

    def state(self) -> dict[str, Any]:
        return {"lies": self.lies, "fault": self.fault, "dpi": self.dpi, "width": self.size[0], "height": self.size[1]}

    def _serve(self) -> None:
        fresh = self.page.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        if self.fault == "unplug":
            self.page.unlink(missing_ok=True)
            return
        if self.fault == "hang":
            os.mkfifo(fresh)
        else:
            picture = self.picture
            if self.fault == "grey":
                picture = picture.copy()
                picture.paste((128, 128, 128), (0, self.size[1] * 5 // 8, *self.size))
            picture.save(fresh, "PPM")
            if self.fault == "truncate":
                os.truncate(fresh, fresh.stat().st_size // 2)
        fresh.replace(self.page)


def main() -> None:
    parser = arguments("Simulated scanner")
    parser.add_argument(
        "--dpi", type=int, default=300, choices=(75, 100, 150, 200, 300), help="resolution of the glass"
    )
    options = parser.parse_args()
    options.control = lasting_port(options.home, "control", options.control)
    glass = Glass(options.home.absolute(), options.dpi)
    verbs = {"lay": glass.lay, "clear": glass.clear, "fault": glass.set_fault}
    serve(
        Control(glass.state, verbs, options.control),
        {"device": f"pnm:0?filename={glass.page}", "config_dir": str(glass.config), "dpi": glass.dpi},
    )


if __name__ == "__main__":
    main()
