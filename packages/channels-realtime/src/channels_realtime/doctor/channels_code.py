"""What Channels 1.x refuses of code for Channels 0.x: bindings, demultiplexers, handshakes.

Before 1.0, a handshake was accepted as soon as it came. Since then it waits until the consumer of
`websocket.connect` accepts it, refuses it or sends something. `Handshakes` finds consumers that do
none of this. It is silent where it cannot tell, as for a reply channel that is passed on.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from channels_realtime.doctor.django_code import assigned, methods
from channels_realtime.doctor.source import Module, last_name

CONSUMERS = {"WebsocketConsumer", "JsonWebsocketConsumer", "WebsocketDemultiplexer"}
BINDINGS = {"Binding", "WebsocketBinding", "WebsocketBindingWithMembers"}
# Decorators of channels, which call the consumer and send nothing.
SILENT = {
    "allowed_hosts_only",
    "channel_and_http_session",
    "channel_and_http_session_user_from_http",
    "channel_session",
    "channel_session_user",
    "channel_session_user_from_http",
    "classmethod",
    "enforce_ordering",
    "http_session",
    "http_session_user",
}
# Which of a binding's own methods call its group_names() instead of channels.
RECEIVERS = {"pre_change_receiver", "post_change_receiver"}
# What a consumer may call with its message or reply channel without an answer being sent: a group,
# a logger, or a builtin.
HARMLESS = {"add", "discard", "debug", "error", "exception", "info", "warning", *dir(builtins)}


class Definition(NamedTuple):
    """A function or class of the project."""

    module: Module
    node: ast.FunctionDef | ast.ClassDef | ast.Lambda


def binding_with_action(module: Module) -> Iterator[ast.AST]:
    """Bindings of other packages count too: channels calls all of them in the same way."""
    for node in module.classes:
        own = methods(node)
        method = own.get("group_names")
        if (
            method
            and not own.keys() >= RECEIVERS
            and any(last_name(base).endswith("Binding") for base in node.bases)
        ):
            required = len(method.args.args) - len(method.args.defaults)
            kinds = {last_name(item) for item in method.decorator_list}
            if required > 2 or not kinds & {"classmethod", "staticmethod"}:
                yield method


def binding_without_fields(module: Module) -> Iterator[ast.AST]:
    for node in module.classes:
        if not any(last_name(base) in BINDINGS for base in node.bases):
            continue
        known = assigned(node)
        model = known.get("model")
        is_abstract = model is None or (
            isinstance(model.value, ast.Constant) and model.value.value is None
        )
        if not is_abstract and len(node.bases) == 1 and not {"fields", "exclude"} & set(known):
            yield node


def demultiplexer_mapping(module: Module) -> Iterator[ast.AST]:
    for node in module.classes:
        if any(last_name(base) == "WebsocketDemultiplexer" for base in node.bases):
            statement = assigned(node).get("mapping")
            if statement:
                yield statement


def slight_ordering(module: Module) -> Iterator[ast.AST]:
    for call in module.calls:
        if last_name(call.func) == "enforce_ordering":
            for keyword in call.keywords:
                if keyword.arg == "slight" and ast.unparse(keyword.value) != "False":
                    yield call
    for node in module.classes:
        statement = assigned(node).get("slight_ordering")
        if statement and ast.unparse(statement.value) != "False":
            yield statement


def is_item(node: ast.expr, key: str) -> bool:
    """Whether a node is `anything[key]`."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and node.slice.value == key
    )


def decoded_path(module: Module) -> Iterator[ast.AST]:
    for function in module.called:
        if function.attr == "decode" and is_item(function.value, "path"):
            yield function


def prefix_of_reply_channels(module: Module) -> Iterator[ast.AST]:
    """Patterns and beginnings of names; a whole name, as in tests, may be any."""
    for node in module.nodes:
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"daphne\.response(\.?|\.?\*|.*[{%].*)", node.value)
        ):
            yield node


def command_of_channels(module: Module) -> Iterator[ast.AST]:
    """A management command that replaces the one of channels that it is derived from.

    Those of a copy of channels_realtime are the ones that the others are to be derived from.
    """
    folders = module.path.parts[:-1]
    if (
        folders[-1:] == ("commands",)
        and module.path.stem in ("runserver", "runworker")
        and "channels_realtime" not in folders
    ):
        for node in module.classes:
            for base in node.bases:
                if module.dotted(base).startswith("channels.management.commands."):
                    yield node


def undecoded_query_string(module: Module) -> Iterator[ast.AST]:
    for call in module.calls:
        is_parser = last_name(call.func) in ("parse_qs", "parse_qsl")
        if is_parser and call.args and is_item(call.args[0], "query_string"):
            yield call


class Handshakes:
    """The consumers of `websocket.connect` in a project."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = list(modules)
        self.functions: dict[str, list[Definition]] = {}
        self.classes: dict[str, list[Definition]] = {}
        for module in self.modules:
            for node in module.nodes:
                if isinstance(node, ast.FunctionDef):
                    self.functions.setdefault(node.name, []).append(Definition(module, node))
                elif isinstance(node, ast.ClassDef):
                    self.classes.setdefault(node.name, []).append(Definition(module, node))

    def unanswered(self) -> Iterator[Definition]:
        """The consumers that leave every handshake unanswered."""
        for module in self.modules:
            for target in routed_to_connect(module):
                if isinstance(target, ast.Lambda):
                    found = [Definition(module, target)]
                else:
                    found = self.resolve(module, target)
                yield from filter(self.is_silent_function, found)
        members = set(map(last_name, self.demultiplexed()))
        for name, definitions in self.classes.items():
            for definition in definitions:
                if name not in members and self.is_silent_class(definition):
                    yield Definition(definition.module, methods_of(definition)["connect"])

    def resolve(self, module: Module, target: ast.expr) -> list[Definition]:
        """The functions that a route names, by reference or by a dotted path."""
        if isinstance(target, ast.Constant):
            path, _, name = str(target.value).rpartition(".")
        else:
            path, _, name = module.dotted(target).rpartition(".")
            name = name or last_name(target)
        found = self.functions.get(name, [])
        tail = path.rpartition(".")[2]
        same = [each for each in found if tail in (each.module.path.stem, package(each.module))]
        return same or (found if len(found) == 1 else [])

    def demultiplexed(self) -> Iterator[ast.expr]:
        """Consumers behind a demultiplexer, which accepts for them."""
        for definitions in self.classes.values():
            for definition in definitions:
                assert isinstance(definition.node, ast.ClassDef)
                statement = assigned(definition.node).get("consumers")
                if statement and isinstance(statement.value, ast.Dict):
                    yield from statement.value.values

    def is_silent_class(self, definition: Definition) -> bool:
        """A class of channels' consumers whose own connect() answers nothing."""
        assert isinstance(definition.node, ast.ClassDef)
        bases = [last_name(base) for base in definition.node.bases]
        if not bases or not CONSUMERS.issuperset(bases):
            return False
        connect = methods_of(definition).get("connect")
        return connect is not None and self.is_silent(Definition(definition.module, connect), ())

    def is_silent_function(self, definition: Definition) -> bool:
        decorators = map(decorator_name, getattr(definition.node, "decorator_list", []))
        return SILENT.issuperset(decorators) and self.is_silent(definition, ())

    def is_silent(self, definition: Definition, callers: tuple[ast.AST, ...]) -> bool:
        """Whether nothing in the function, or in what it calls, can answer the handshake."""
        function = definition.node
        if function in callers:
            return True
        arguments = {item.arg for item in ast.walk(function) if isinstance(item, ast.arg)}
        body = function.body if isinstance(function.body, list) else [function.body]
        if any(isinstance(statement, ast.Raise) or is_refusal(statement) for statement in body):
            return False
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and not is_refusal(node)
                and self.may_answer(definition.module, node, arguments, (*callers, function))
            ):
                return False
        return True

    def may_answer(
        self, module: Module, call: ast.Call, arguments: set[str], callers: tuple[ast.AST, ...]
    ) -> bool:
        """Whether a call sends something, or passes on what one can send with."""
        name = last_name(call.func)
        if name in ("send", "close", "super") or "send" in name:
            return True
        if name in HARMLESS:
            return False
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if any(passes_on_reply_channel(value) for value in given):
            return True
        on_self = isinstance(call.func, ast.Attribute) and last_name(call.func.value) == "self"
        if on_self or any(isinstance(value, ast.Name) and value.id in arguments for value in given):
            found = self.functions.get(name, [])
            if not found:
                # Of another package, where only what gets the message could answer.
                return on_self or any(last_name(value) in ("message", "self") for value in given)
            return not all(self.is_silent(each, callers) for each in found)
        return False


def is_refusal(node: ast.AST) -> bool:
    """`….send({"close": True})`, which answers no more than the branch that it stands in."""
    call = node.value if isinstance(node, ast.Expr) else node
    if not isinstance(call, ast.Call) or last_name(call.func) != "send" or len(call.args) != 1:
        return False
    content = call.args[0]
    if not isinstance(content, ast.Dict) or None in content.keys:
        return False
    return {ast.unparse(key) for key in content.keys if key} == {"'close'"}


def methods_of(definition: Definition) -> dict[str, ast.FunctionDef]:
    assert isinstance(definition.node, ast.ClassDef)
    return methods(definition.node)


def package(module: Module) -> str:
    return module.path.parent.name


def decorator_name(node: ast.expr) -> str:
    return last_name(node.func if isinstance(node, ast.Call) else node)


def passes_on_reply_channel(value: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == "reply_channel" for node in ast.walk(value)
    )


def routed_to_connect(module: Module) -> Iterator[ast.expr]:
    """What route("websocket.connect", …) or {"websocket.connect": …} names."""
    for call in module.calls:
        if last_name(call.func) == "route" and len(call.args) > 1 and is_connect(call.args[0]):
            yield call.args[1]
    for node in module.nodes:
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if is_connect(key):
                    yield value


def is_connect(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == "websocket.connect"
