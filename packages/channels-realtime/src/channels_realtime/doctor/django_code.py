"""What Django 5.2 and Python 3 refuse and that is more than a name. One function per rule."""

import ast
from collections.abc import Iterator

from channels_realtime.doctor.source import Module, keyword_names, last_name

RELATIONS = {"ForeignKey", "OneToOneField"}
OLD_MIDDLEWARE = {
    "process_request",
    "process_response",
    "process_view",
    "process_exception",
    "process_template_response",
}
META_METHODS = {
    "get_all_field_names",
    "get_all_related_objects",
    "get_all_related_many_to_many_objects",
    "get_concrete_fields_with_model",
    "get_field_by_name",
    "get_fields_with_model",
    "get_m2m_with_model",
    "init_name_map",
}


def is_migration(module: Module) -> bool:
    return "migrations" in module.path.parts


def methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}


def assigned(node: ast.ClassDef | ast.Module) -> dict[str, ast.Assign]:
    """Name -> the statement of a class body or module that assigns it."""
    return {
        target.id: item
        for item in node.body
        if isinstance(item, ast.Assign)
        for target in item.targets
        if isinstance(target, ast.Name)
    }


def app_config_of_another_app(module: Module) -> Iterator[ast.AST]:
    """An AppConfig whose name is not its package; Django 3.2 takes the only one of apps.py."""
    package = ".".join(module.path.parent.parts)
    found = [
        node for node in module.classes if "AppConfig" in {last_name(base) for base in node.bases}
    ]
    if module.path.name == "apps.py" and package and len(found) == 1:
        statement = assigned(found[0]).get("name")
        if (
            statement
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
            # The project's root on sys.path may be above or below the folder that is read.
            and not f".{package}".endswith(f".{statement.value.value}")
            and not f".{statement.value.value}".endswith(f".{package}")
        ):
            yield statement


def preparation_of_an_instance(module: Module) -> Iterator[ast.AST]:
    """Overrides of Django's private methods of test cases that became class methods in 5.2."""
    for node in module.classes:
        own = methods(node)
        for name in ("_pre_setup", "_fixture_setup"):
            method = own.get(name)
            if method and "classmethod" not in map(last_name, method.decorator_list):
                yield method


def relations(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Relations without on_delete, with the dotted name of the field's class."""
    for call in module.calls:
        name = module.dotted(call.func)
        if (
            name.startswith("django.")
            and name.rpartition(".")[2] in RELATIONS
            and len(call.args) < 2
            and not keyword_names(call) & {"on_delete", "**"}
        ):
            yield call, name


def relation_without_on_delete(module: Module) -> Iterator[ast.AST]:
    return (call for call, name in relations(module) if name.startswith("django.db.models."))


def other_relation_without_on_delete(module: Module) -> Iterator[ast.AST]:
    return (call for call, name in relations(module) if not name.startswith("django.db.models."))


def called_user_attributes(module: Module) -> Iterator[tuple[ast.Call, bool]]:
    """Calls of is_authenticated, and whether they are on `request.user`."""
    for call in module.calls:
        function = call.func
        if (
            isinstance(function, ast.Attribute)
            and not call.args
            and function.attr in ("is_authenticated", "is_anonymous")
        ):
            yield call, ast.unparse(function.value) in ("request.user", "self.request.user")


def user_of_request_called(module: Module) -> Iterator[ast.AST]:
    return (call for call, of_request in called_user_attributes(module) if of_request)


def other_user_called(module: Module) -> Iterator[ast.AST]:
    return (call for call, of_request in called_user_attributes(module) if not of_request)


def is_url(module: Module, call: ast.Call) -> bool:
    name = module.dotted(call.func)
    return name in ("django.conf.urls.url", "django.urls.re_path", "django.urls.path")


def view_named_by_string(module: Module) -> Iterator[ast.AST]:
    for call in module.calls:
        if is_url(module, call) and len(call.args) > 1:
            view = call.args[1]
            if isinstance(view, ast.Constant) and isinstance(view.value, str):
                yield call


def included_admin(module: Module) -> Iterator[ast.AST]:
    for call in module.calls:
        if (
            last_name(call.func) == "include"
            and call.args
            and ast.unparse(call.args[0]).endswith("admin.site.urls")
        ):
            yield call


def namespace_without_app_name(module: Module) -> Iterator[ast.AST]:
    """include(router.urls, namespace=…): a list, which has no app_name."""
    for call in module.calls:
        if (
            last_name(call.func) == "include"
            and "namespace" in keyword_names(call)
            and isinstance(call.args[0] if call.args else None, ast.Attribute | ast.List)
        ):
            yield call


def default_app_config(module: Module) -> Iterator[ast.AST]:
    if module.path.name == "__init__.py":
        statement = assigned(module.tree).get("default_app_config")
        if statement:
            yield statement


def index_together(module: Module) -> Iterator[ast.AST]:
    for node in module.classes:
        if node.name == "Meta" and (statement := assigned(node).get("index_together")):
            yield statement


def old_middleware(module: Module) -> Iterator[ast.AST]:
    for node in module.classes:
        inherits = [base for base in node.bases if last_name(base) != "object"]
        defined = set(methods(node))
        if (
            defined & OLD_MIDDLEWARE
            and not inherits
            and "__call__" not in defined
            and "middleware" in f"{module.path} {node.name}".lower()
        ):
            yield node


def widget_without_renderer(module: Module) -> Iterator[ast.AST]:
    widgets = ("Widget", "Input", "Select", "Textarea")
    for node in module.classes:
        render = methods(node).get("render")
        if render and any(last_name(base).endswith(widgets) for base in node.bases):
            arguments = render.args
            names = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
            if {"name", "value"} <= names and "renderer" not in names and not arguments.kwarg:
                yield render


def context_of_from_db_value(module: Module) -> Iterator[ast.AST]:
    for node in module.classes:
        method = methods(node).get("from_db_value")
        if method and not method.args.vararg:
            required = len(method.args.args) - len(method.args.defaults)
            if required > 4:  # self, value, expression, connection
                yield method


def authenticate_without_request(module: Module) -> Iterator[ast.AST]:
    for node in module.classes:
        method = methods(node).get("authenticate")
        if method and node.name.endswith("Backend") and not method.args.vararg:
            names = [argument.arg for argument in method.args.args]
            if len(names) > 1 and "request" not in names[1]:
                yield method


def rendered_context(module: Module) -> Iterator[ast.AST]:
    """get_template(…).render(Context(…)): templates of the engine's API take a dict."""
    loaded = {
        target.id
        for node in module.nodes
        if isinstance(node, ast.Assign) and is_loader(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in module.calls:
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr != "render" or not call.args:
            continue
        context = call.args[0]
        if not isinstance(context, ast.Call):
            continue
        if last_name(context.func) not in ("Context", "RequestContext"):
            continue
        if is_loader(function.value) or last_name(function.value) in loaded:
            yield call


def is_loader(node: ast.expr) -> bool:
    names = ("get_template", "select_template")
    return isinstance(node, ast.Call) and last_name(node.func) in names


def meta_methods(module: Module) -> Iterator[ast.AST]:
    for node in module.attributes:
        if node.attr in META_METHODS and last_name(node.value) in ("_meta", "meta", "opts"):
            yield node


def random_string_without_length(module: Module) -> Iterator[ast.AST]:
    for call in module.calls:
        if (
            module.dotted(call.func) == "django.utils.crypto.get_random_string"
            and not call.args
            and not keyword_names(call) & {"length", "**"}
        ):
            yield call


def boolean_system_checks(module: Module) -> Iterator[ast.AST]:
    for node in module.classes:
        statement = assigned(node).get("requires_system_checks")
        if (
            statement
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, bool)
        ):
            yield statement


def command_option_list(module: Module) -> Iterator[ast.AST]:
    for node in module.classes:
        statement = assigned(node).get("option_list")
        if statement and node.name == "Command":
            yield statement


def null_boolean_field(module: Module) -> Iterator[ast.AST]:
    for call in module.calls:
        if module.dotted(call.func) == "django.db.models.NullBooleanField" and not is_migration(
            module
        ):
            yield call


def postgres_json_field(module: Module) -> Iterator[ast.AST]:
    if not is_migration(module):
        for use in module.uses:
            if (
                use.name.startswith("django.contrib.postgres")
                and not use.known
                and use.name.endswith(".JSONField")
            ):
                yield use.node


def allow_tags(module: Module) -> Iterator[ast.AST]:
    for node in module.attributes:
        if node.attr == "allow_tags" and isinstance(node.ctx, ast.Store):
            yield node


def use_l10n_off(module: Module) -> Iterator[ast.AST]:
    return (node for name, node in module.settings if name == "USE_L10N" and not is_true(node))


def use_l10n_on(module: Module) -> Iterator[ast.AST]:
    return (node for name, node in module.settings if name == "USE_L10N" and is_true(node))


def is_true(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> bool:
    return isinstance(node.value, ast.Constant) and node.value.value is True


def middleware_classes(module: Module) -> Iterator[ast.AST]:
    found = dict(module.settings)
    if "MIDDLEWARE_CLASSES" in found and "MIDDLEWARE" not in found:
        yield found["MIDDLEWARE_CLASSES"]


def origin_without_scheme(module: Module) -> Iterator[ast.AST]:
    for name, node in module.settings:
        if name == "CSRF_TRUSTED_ORIGINS" and isinstance(node.value, ast.List | ast.Tuple):
            for item in node.value.elts:
                if isinstance(item, ast.Constant) and "://" not in str(item.value):
                    yield item


def python_2_builtins(module: Module) -> Iterator[ast.AST]:
    names = {"basestring", "long", "raw_input", "unichr", "unicode", "xrange"}
    known = module.bound | set(module.imports)
    for node in module.nodes:
        if isinstance(node, ast.Name) and node.id in names and node.id not in known:
            yield node


def python_2_dict_methods(module: Module) -> Iterator[ast.AST]:
    """`d.iteritems()`, but not `six.iteritems(d)`."""
    names = ("has_key", "iteritems", "iterkeys", "itervalues")
    for call in module.calls:
        function = call.func
        if (
            isinstance(function, ast.Attribute)
            and function.attr in names
            and last_name(function.value) not in module.imports
        ):
            yield call
