"""Who comes to the simulated kiosk: which card, UKey, numbers and phone a scripted customer brings."""

from __future__ import annotations

import base64
import io
import secrets
from typing import Any

from PIL import Image, ImageDraw

PIN = "135246"
NEW_PIN = "592741"
BLANK = {"label": "BLANK UKEY", "pin": "12345678", "so_pin": "87654321"}
NEEDS_BLANK = ("new", "replace")
NEEDS_NONE = ("freeze", "unfreeze", "revoke", "query")
USUAL = {("new", "unit"): "new", ("new", "personal"): "wang", ("", "unit"): "a", ("", "personal"): "tang"}
"""Who comes when nobody is named, by service and kind."""


def fitting(tokens: list[dict[str, Any]], service: str, kind: str, used: set[str]) -> dict[str, Any] | None:
    """A UKey of the drawer that this service can be done with."""
    if service in NEEDS_BLANK:
        return next((t for t in tokens if not t.get("owner") and t["name"] not in used), None)
    return next((t for t in tokens if t.get("kind") == kind), None)


def persona(hands: dict[str, Any], kind: str, who: str) -> dict[str, str]:
    """What the person called ``who`` (a company's or a person's key) knows and carries."""
    people = {one["key"]: one for one in hands["people"]}
    units = {one["key"]: one for one in hands["units"]}
    if kind == "unit":
        unit = units[who]
        person, legal = people[unit["agent"]], people[unit["legal"]]
        out = {
            "unit_name": unit["name"],
            "uscc": unit["uscc"],
            "legal_name": legal["name"],
            "legal_id": legal["card"]["number"],
            "legal_mobile": legal["mobile"],
            "landline": unit["phone"],
            "address": unit["address"],
            "email": unit["email"],
            "social_insurance_no": unit["social_number"],
            "ic_registration_no": unit["uscc"],  # new licences have no other number
            "role": "agent",
        }
    else:
        person = people[who]
        out = {"role": "self", "address": person["card"]["address"], "email": "someone@example.com"}
    mobile = f"139{secrets.randbelow(10**8):08d}"  # a phone of his own for each visit: codes are limited per number
    return out | {"person": person["key"], "name": person["name"], "mobile": mobile, "number": person["card"]["number"]}


def page_for(material: str, unit: bool) -> str:
    """Which page of the simulated customer proves a material."""
    if material in ("seal", "seal_sheet", "signature_sheet"):
        return "seal" if unit else "signature"
    for part, page in (("licence", "licence"), ("letter", "letter"), ("form", "form"), ("responsibility", "form")):
        if part in material:
            return page
    if "id" in material.replace("-", "_").split("_"):
        return "id_back" if material.endswith("-2") else "id_front"
    return "form" if material == "approval" else "permit"


def signature() -> str:
    """A few strokes of a pen as the writing pad sends them: a PNG in a data: URL."""
    sheet = Image.new("RGBA", (600, 200), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    for line in (((60, 60), (200, 50), (120, 150)), ((240, 40), (300, 160), (380, 60)), ((400, 90), (540, 80))):
        pen.line(line, fill=(20, 20, 60, 255), width=7, joint="curve")
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
