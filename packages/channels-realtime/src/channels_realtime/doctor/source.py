"""A project's Python files, parsed: the names they import and use, and nothing that is executed."""

import ast
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

# Code below such a handler or test runs only on some versions: its author has seen to it.
VERSION_ERRORS = {"ImportError", "ModuleNotFoundError", "NameError", "AttributeError"}
VERSION_NAMES = {"VERSION", "version_info", "PY2", "PY3", "get_version", "TYPE_CHECKING"}


class Unreadable(ValueError):
    """A file that Python 3 cannot parse."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True)
class Use:
    """A dotted name at one place: imported, or an attribute of something imported."""

    name: str  # "django.utils.encoding.force_text"
    known: str  # the part that an import above has reported already; "" for an import itself
    node: ast.AST


@dataclass(frozen=True)
class Module:
    """A parsed Python file. `path` is relative to the project."""

    path: Path
    tree: ast.Module
    lines: list[str] = field(repr=False)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes but those that only some versions run."""
        return list(unguarded(self.tree))

    @cached_property
    def calls(self) -> list[ast.Call]:
        return [node for node in self.nodes if isinstance(node, ast.Call)]

    @cached_property
    def attributes(self) -> list[ast.Attribute]:
        return [node for node in self.nodes if isinstance(node, ast.Attribute)]

    @cached_property
    def called(self) -> list[ast.Attribute]:
        """The attributes that are called."""
        return [call.func for call in self.calls if isinstance(call.func, ast.Attribute)]

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        return [node for node in self.nodes if isinstance(node, ast.ClassDef)]

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name -> dotted name of what it was imported from."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    found.setdefault(alias.asname or name, name)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    found.setdefault(alias.asname or alias.name, f"{node.module}.{alias.name}")
        return found

    @cached_property
    def bound(self) -> set[str]:
        """Names that the file gives a value by other means than an import."""
        found = set()
        for node in ast.walk(self.tree):
            match node:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                    found.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found.add(name)
                case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                    found.add(name)
        return found

    @cached_property
    def uses(self) -> list[Use]:
        """Every import, and every attribute of something imported."""
        return [*self._imported(), *self._used()]

    def _imported(self) -> Iterator[Use]:
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Use(alias.name, "", node)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    star = alias.name == "*"
                    yield Use(node.module if star else f"{node.module}.{alias.name}", "", node)

    def _used(self) -> Iterator[Use]:
        for node in self.attributes:
            name = self.dotted(node)
            if name:
                root: ast.expr = node
                while isinstance(root, ast.Attribute):
                    root = root.value
                yield Use(name, self.dotted(root), node)

    def dotted(self, node: ast.AST) -> str:
        """`models.ForeignKey` -> "django.db.models.ForeignKey"; "" for what was not imported."""
        if isinstance(node, ast.Name):
            return "" if node.id in self.bound else self.imports.get(node.id, "")
        if isinstance(node, ast.Attribute):
            value = self.dotted(node.value)
            return value and f"{value}.{node.attr}"
        return ""

    @cached_property
    def settings(self) -> list[tuple[str, ast.Assign | ast.AnnAssign | ast.AugAssign]]:
        """Settings and the statements that assign them; none in a file that holds no settings."""
        found = []
        for node in self.nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found += [
                    (target.id, node)
                    for target in targets
                    if isinstance(target, ast.Name) and target.id.isupper()
                ]
        in_path = any("settings" in part for part in self.path.parts)
        return found if in_path or any(name == "INSTALLED_APPS" for name, _ in found) else []


def unguarded(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it that every version runs."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If | ast.IfExp) and depends_on_version(child.test):
            continue
        if isinstance(child, ast.Try) and any(map(catches_version_error, child.handlers)):
            for statement in (*child.orelse, *child.finalbody):
                yield from unguarded(statement)
            continue
        yield from unguarded(child)


def depends_on_version(test: ast.expr) -> bool:
    """Whether a condition asks for a version, as `django.VERSION < (2, 0)` does."""
    for node in ast.walk(test):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name in VERSION_NAMES:
            return True
    return False


def catches_version_error(handler: ast.ExceptHandler) -> bool:
    named = ast.walk(handler.type) if handler.type else ()
    return any(isinstance(node, ast.Name) and node.id in VERSION_ERRORS for node in named)


def last_name(node: ast.expr) -> str:
    """`a.b.c` -> "c", `c` -> "c", anything else -> ""."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def keyword_names(call: ast.Call) -> set[str]:
    """The keywords of a call; `**` counts as "**"."""
    return {keyword.arg or "**" for keyword in call.keywords}


def read_module(folder: Path, path: Path) -> Module:
    """Parse one file of the project in `folder`. Raises Unreadable and OSError."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the project's strings
            tree = ast.parse(text)
    except SyntaxError as error:
        raise Unreadable(error.lineno or 1) from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(1) from error
    return Module(path.relative_to(folder), tree, text.splitlines())
