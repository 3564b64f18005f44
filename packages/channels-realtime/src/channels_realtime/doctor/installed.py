"""What an installed package offers, read from its source instead of by importing it."""

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Names that exist only at run time.
DYNAMIC = {"django.core.mail.outbox"}


@cache
def location_of(name: str) -> Path | None:
    """The folder of a top-level package, or the file of a top-level module; None if missing."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0])
    return Path(spec.origin) if spec.has_location and spec.origin else None


def lacks(name: str) -> bool:
    """Whether the dotted name is missing in its package. False where that is not installed."""
    package, *rest = name.split(".")
    if location_of(package) is None or name in DYNAMIC:
        return False
    module = package
    for part in rest:
        if part.startswith("__"):
            return False
        if source_of(f"{module}.{part}") is None:
            names = names_of(module)
            return part not in names and "__getattr__" not in names
        module = f"{module}.{part}"
    return False


@cache
def source_of(module: str) -> Path | None:
    """The file of a module; a folder for a package without `__init__.py`; None if missing."""
    package, *rest = module.split(".")
    location = location_of(package)
    if location is None:
        return None
    path = location.joinpath(*rest)
    candidates = (path / "__init__.py", path.with_name(f"{path.name}.py"), path)
    return next((candidate for candidate in candidates if candidate.exists()), None)


@cache
def names_of(module: str) -> frozenset[str]:
    """The names that a module binds at its top level, also by `import *`."""
    path = source_of(module)
    if path is None or path.is_dir():
        return frozenset()
    try:
        body = ast.parse(path.read_text()).body
    except SyntaxError:
        return frozenset()  # whoever imports it says so
    return frozenset(bound(body, module, path.name == "__init__.py"))


def bound(body: list[ast.stmt], module: str, is_package: bool) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    names = names_of(absolute(node, module, is_package))
                    yield from (name for name in names if not name.startswith("_"))
                else:
                    yield alias.asname or alias.name
        else:
            for child in ast.walk(node):
                if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                    yield child.id
            for field in ("body", "orelse", "finalbody"):
                yield from bound(getattr(node, field, []), module, is_package)
            for handler in getattr(node, "handlers", []):
                yield from bound(handler.body, module, is_package)


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The full name of the module that `from … import` names."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module or ""]).rstrip(".")
