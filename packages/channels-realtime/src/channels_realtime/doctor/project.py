"""Applies the rules to the files of a project."""

import ast
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from channels_realtime.doctor.channels_code import Handshakes
from channels_realtime.doctor.installed import lacks
from channels_realtime.doctor.requirements import conflicting_pins
from channels_realtime.doctor.rule import (
    Attributes,
    Keywords,
    Methods,
    Names,
    Rule,
    Settings,
    Template,
)
from channels_realtime.doctor.rules import RULES
from channels_realtime.doctor.source import (
    Module,
    Unreadable,
    keyword_names,
    last_name,
    read_module,
)

BY_ID = {rule.id: rule for rule in RULES}
BY_NAME = {name: rule for rule in RULES if isinstance(rule.what, Names) for name in rule.what.names}
# Folders of other people's code, besides hidden ones and virtual environments.
SKIPPED = {"__pycache__", "bower_components", "node_modules", "site-packages"}
TEMPLATES = {".html", ".htm", ".jinja", ".jinja2", ".txt", ".xml"}
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
INSTALL = ("channels_realtime.compat.install", "channels_realtime.install")
PYTHON = re.compile(r"(?:python-)?(\d+)\.(\d+)")


class Finding(NamedTuple):
    """A place in the project. `path` is relative to the project, `text` its line."""

    rule: Rule
    path: Path
    line: int
    text: str


@dataclass
class Project:
    """The folder of a project; what was found in it, after read()."""

    folder: Path
    modules: list[Module] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    files: int = 0  # that were read

    def read(self) -> None:
        """Read all files. Raises OSError where one cannot be read."""
        for path in sorted(walk(self.folder)):
            reader = reader_of(path)
            if reader is not None:
                self.files += 1
                reader(self, path)
        self.own = {module.path.parts[0].removesuffix(".py") for module in self.modules}
        for module in self.modules:
            self.check_module(module)
        self.check_whole()
        self.findings = sorted(set(self.findings), key=lambda each: (each.path, each.line))

    def add(self, rule: str | Rule, module: Module, node: ast.AST) -> None:
        line = getattr(node, "lineno", 1)
        found = rule if isinstance(rule, Rule) else BY_ID[rule]
        self.findings.append(Finding(found, module.path, line, module.lines[line - 1].strip()))

    # Reading

    def read_python(self, path: Path) -> None:
        try:
            self.modules.append(read_module(self.folder, path))
        except Unreadable as error:
            lines = path.read_text(errors="replace").splitlines() or [""]
            text = lines[min(error.line, len(lines)) - 1].strip()
            rule = BY_ID["python-2-syntax"]
            self.findings.append(Finding(rule, path.relative_to(self.folder), error.line, text))

    def read_template(self, path: Path) -> None:
        text = path.read_text(errors="replace")
        if "{%" not in text and "{{" not in text:
            return
        # Comments keep their line breaks, so that line numbers stay right.
        comment = re.compile(r"{#.*?#}|{%-?\s*comment\b.*?endcomment\s*-?%}", re.S)
        text = comment.sub(lambda found: "\n" * found[0].count("\n"), text)
        for rule in RULES:
            if isinstance(rule.what, Template):
                for found in re.finditer(rule.what.pattern, text):
                    self.add_text(rule, path, text, text.count("\n", 0, found.start()) + 1)

    def read_requirements(self, path: Path) -> None:
        text = path.read_text(errors="replace")
        for pin in conflicting_pins(text):
            self.add_text(BY_ID[pin.rule], path, text, pin.line)

    def read_python_version(self, path: Path) -> None:
        text = path.read_text(errors="replace")
        found = PYTHON.match(text)
        if found and not (3, 11) <= (int(found[1]), int(found[2])) <= (3, 13):
            self.add_text(BY_ID["python-version"], path, text, 1)

    def add_text(self, rule: Rule, path: Path, text: str, line: int) -> None:
        shown = text.splitlines()[line - 1].strip()
        self.findings.append(Finding(rule, path.relative_to(self.folder), line, shown))

    # Rules of one module

    def check_module(self, module: Module) -> None:
        for use in module.uses:
            if use.name.partition(".")[0] not in self.own:
                self.check_name(module, use.name, use.known, use.node)
        for name, statement in module.settings:
            self.check_strings(module, name, statement)
        settings = dict(module.settings)
        for rule in RULES:
            what = rule.what
            if isinstance(what, Attributes):
                attributes = module.called if what.called else module.attributes
                for attribute in attributes:
                    if attribute.attr in what.names:
                        self.add(rule, module, attribute)
            elif isinstance(what, Keywords):
                for call in module.calls:
                    fits = not what.functions or last_name(call.func) in what.functions
                    if fits and what.keyword in keyword_names(call):
                        self.add(rule, module, call)
            elif isinstance(what, Settings):
                for name in settings.keys() & set(what.names):
                    self.add(rule, module, settings[name])
            elif isinstance(what, Methods):
                for defined in module.classes:
                    for item in defined.body:
                        if isinstance(item, ast.FunctionDef) and item.name in what.names:
                            self.add(rule, module, item)
            elif callable(what):
                for node in what(module):
                    self.add(rule, module, node)

    def check_name(self, module: Module, name: str, known: str, node: ast.AST) -> None:
        """Look up a dotted name; `known` is the part that its import was looked up with."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            found = ".".join(parts[:length])
            if found in BY_NAME:
                if len(found) > len(known):
                    self.add(BY_NAME[found], module, node)
                return
        if parts[0] in ("django", "channels") and lacks(name) and not (known and lacks(known)):
            self.add(f"{parts[0]}-gone", module, node)

    def check_strings(self, module: Module, setting: str, statement: ast.stmt) -> None:
        """Look up the dotted names in the value of a setting."""
        if setting == "LOGGING":
            return  # which has names of loggers
        for node in ast.walk(statement):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and "." in node.value
                and DOTTED.fullmatch(node.value)
            ):
                self.check_name(module, node.value, "", node)

    # Rules of the whole project

    def check_whole(self) -> None:
        for definition in Handshakes(self.modules).unanswered():
            self.add("accept", definition.module, definition.node)
        self.check_bridges()
        self.check_namespaces()
        self.check_time_zones()
        self.check_primary_keys()

    def check_bridges(self) -> None:
        """A project that imports or installs channels calls compat.install()."""
        for module in self.modules:
            if any(module.dotted(call.func) in INSTALL for call in module.calls):
                return
        for module in self.modules:
            for name, statement in module.settings:
                for node in ast.walk(statement) if name == "INSTALLED_APPS" else ():
                    if isinstance(node, ast.Constant) and node.value == "channels":
                        self.add("bridges", module, node)
                        return

    def check_namespaces(self) -> None:
        """include("app.urls", namespace=…) needs an app_name in that module of the project."""
        modules = {".".join(module.path.with_suffix("").parts): module for module in self.modules}
        for module in self.modules:
            for call in module.calls:
                target = call.args[0] if call.args else None
                if (
                    last_name(call.func) != "include"
                    or "namespace" not in keyword_names(call)
                    or not isinstance(target, ast.Constant)
                    or not isinstance(target.value, str)
                ):
                    continue
                # The project's root on sys.path may be below the folder that is read.
                included = [
                    found
                    for name, found in modules.items()
                    if f".{name}".removesuffix(".__init__").endswith(f".{target.value}")
                ]
                if included and not any("app_name" in found.bound for found in included):
                    self.add("app-name", module, call)

    def check_time_zones(self) -> None:
        """A project that stores times says whether they have time zones."""
        fields = ("DateTimeField", "TimeField")
        stores = any(
            last_name(call.func) in fields and module.dotted(call.func).startswith("django.db.")
            for module in self.modules
            for call in module.calls
        )
        if stores:
            self.require_setting("USE_TZ", "use-tz")

    def check_primary_keys(self) -> None:
        """A project that has models says what their primary keys are."""
        has_models = any(
            module.dotted(base) == "django.db.models.Model"
            for module in self.modules
            for defined in module.classes
            for base in defined.bases
        )
        if has_models and not any("default_auto_field" in each.bound for each in self.modules):
            self.require_setting("DEFAULT_AUTO_FIELD", "auto-field")

    def require_setting(self, name: str, rule: str) -> None:
        """Add a finding at INSTALLED_APPS where no file of settings assigns the setting."""
        settings = [(module, *each) for module in self.modules for each in module.settings]
        if not any(assigned == name for _, assigned, _ in settings):
            for module, assigned, statement in settings:
                if assigned == "INSTALLED_APPS":
                    self.add(rule, module, statement)
                    return


Reader = Callable[[Project, Path], None]


def reader_of(path: Path) -> Reader | None:
    """How a file is read; None for one that nothing is looked for in."""
    if path.suffix == ".py":
        return Project.read_python
    if path.name in ("runtime.txt", ".python-version"):
        return Project.read_python_version
    if (
        path.suffix in (".txt", ".pip", ".in")
        and "requirements" in path.name
        or path.parent.name == "requirements"
    ):
        return Project.read_requirements
    if path.suffix in TEMPLATES:
        in_templates = path.suffix != ".txt" and path.suffix != ".xml"
        if in_templates or "templates" in path.parts:
            return Project.read_template
    return None


def walk(folder: Path) -> Iterator[Path]:
    """The files of a project, without other people's code."""
    for root, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in SKIPPED
            and not name.startswith(".")
            and not os.path.exists(os.path.join(root, name, "pyvenv.cfg"))
        ]
        yield from (Path(root, name) for name in names)
