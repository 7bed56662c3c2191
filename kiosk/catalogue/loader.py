"""Reads the catalogue: the shipped schemes, and an operator's folder over them, file by file.

A folder holds `<scheme>.toml` files (beside `agreements/` or in `schemes/`), `library.toml` (fields, materials, seals
that schemes use) and `agreements/<code>.md`. A file in the operator's folder takes the place of the shipped file
of the same name; a new name adds a scheme or an agreement.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.expand import Library, expand
from kiosk.catalogue.models import Agreement, Scheme

SHIPPED = Path(__file__).parent
MAX_BYTES = 512 * 1024
MAX_FILES = 100
LIBRARY = "library.toml"

REASONS = {
    "missing": "缺少这一项 (missing)",
    "extra_forbidden": "不认识的项，请检查拼写 (unknown key)",
    "int_type": "应为整数 (not an integer)",
    "int_from_float": "应为整数，金额以分为单位 (not an integer)",
    "bool_parsing": "应为 true 或 false (not a boolean)",
    "string_type": "应为文字 (not a string)",
    "string_too_short": "不能为空 (empty)",
    "tuple_type": "应为列表 (not a list)",
    "dict_type": "应为表 (not a table)",
}


@dataclass(frozen=True)
class Catalogue:
    """All schemes by code, in their order. `version` depends on what the files say, not on how they are written."""

    schemes: Mapping[str, Scheme]

    @cached_property
    def version(self) -> str:
        """Hex SHA-256 of the canonical JSON of every scheme with its forms and agreements."""
        content = {code: scheme.model_dump(mode="json") for code, scheme in self.schemes.items()}
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def of(self, version: str) -> Catalogue:
        """The catalogue an order of that version is carried out by; a fixed catalogue knows only itself."""
        return self


def load(folder: Path | None = None) -> Catalogue:
    """The shipped catalogue, with an operator's folder over it. Raises CatalogueError for the first wrong file."""
    files = _files(SHIPPED)
    if folder is not None:
        if not folder.is_dir():
            raise CatalogueError(str(folder), "", "没有这个文件夹 (no such folder)")
        files |= _files(folder)
    if len(files) > MAX_FILES:
        raise CatalogueError(str(folder or SHIPPED), "", f"文件太多，最多 {MAX_FILES} 个 (too many files)")
    agreements = [_agreement(path) for name, path in files.items() if name.startswith("agreements/")]
    library = _library(files[LIBRARY], {agreement.code: agreement for agreement in agreements})
    schemes = [_scheme(path, library) for name, path in files.items() if name.endswith(".toml") and name != LIBRARY]
    schemes.sort(key=lambda found: (found[0], found[1].code))
    by_code: dict[str, Scheme] = {scheme.code: scheme for _, scheme in schemes}
    return Catalogue(by_code)


def _files(folder: Path) -> dict[str, Path]:
    schemes = folder / "schemes"
    found = {path.name: path for path in sorted((schemes if schemes.is_dir() else folder).glob("*.toml"))}
    return found | {f"agreements/{path.name}": path for path in sorted(folder.glob("agreements/*.md"))}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CatalogueError(path.name, "", f"读不了文件 ({error.strerror})") from error
    if len(data) > MAX_BYTES:
        raise CatalogueError(path.name, "", f"文件太大，最多 {MAX_BYTES // 1024} KiB (too large)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CatalogueError(path.name, "", "不是 UTF-8 文字文件 (not UTF-8)") from error


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(path.name, "", f"TOML 写法有误 ({error})") from error


def _agreement(path: Path) -> Agreement:
    """A Markdown file: TOML between two lines `+++`, then paragraphs separated by blank lines."""
    start, _, rest = _read(path).lstrip().partition("+++\n")
    head, closing, body = rest.partition("\n+++\n")
    if start or not closing:
        raise CatalogueError(path.name, "", "开头须有两行 +++ 之间的说明 (no front matter)")
    text = tuple("".join(line.strip() for line in piece.splitlines()) for piece in body.split("\n\n") if piece.strip())
    data = {**_toml(path, head), "code": path.stem, "text": text}
    try:
        return Agreement.model_validate(data)
    except ValidationError as error:
        raise _refusal(path, error) from error


def _library(path: Path, agreements: dict[str, Agreement]) -> Library:
    data = _toml(path, _read(path))
    unknown = sorted(set(data) - {"fields", "materials", "seals"})
    if unknown:
        raise CatalogueError(path.name, unknown[0], REASONS["extra_forbidden"])
    return Library(data.get("fields", {}), data.get("materials", {}), data.get("seals", {}), agreements)


def _scheme(path: Path, library: Library) -> tuple[int, Scheme]:
    data = _toml(path, _read(path))
    order = data.pop("order", 1000)
    if not isinstance(order, int):
        raise CatalogueError(path.name, "order", REASONS["int_type"])
    if data.get("code") != path.stem:
        raise CatalogueError(path.name, "code", "须与文件名相同 (must equal the file's name)")
    try:
        return order, Scheme.model_validate(expand(path.name, data, library))
    except ValidationError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: ValidationError) -> CatalogueError:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return CatalogueError(path.name, key, REASONS.get(first["type"], message))
