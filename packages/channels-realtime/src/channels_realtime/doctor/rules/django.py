"""What Django 5.2 lacks or does otherwise, and django-upgrade does not rewrite."""

from channels_realtime.doctor import django_code
from channels_realtime.doctor.rule import (
    Attributes,
    Keywords,
    Methods,
    Names,
    Rule,
    Settings,
    Template,
    below,
)

DJANGO = (
    Rule(
        "app-config",
        django_code.app_config_of_another_app,
        "Make the name of the AppConfig that of its package: Django 3.2 uses it even if nothing"
        " names it.",
    ),
    Rule(
        "django-gone",
        None,
        "Django 5.2 has no such module or name; its release notes say what replaces it.",
    ),
    Rule(
        "middleware-classes",
        django_code.middleware_classes,
        "Rename MIDDLEWARE_CLASSES to MIDDLEWARE, which Django reads since 1.10.",
    ),
    Rule(
        "session-verification",
        Names(("django.contrib.auth.middleware.SessionAuthenticationMiddleware",)),
        "Remove SessionAuthenticationMiddleware: sessions are verified without it.",
    ),
    Rule(
        "middleware",
        django_code.old_middleware,
        "Inherit from django.utils.deprecation.MiddlewareMixin, or Django 2.0 cannot call it.",
    ),
    Rule(
        "context-processors",
        Names(("django.core.context_processors",)),
        "Name django.template.context_processors instead.",
    ),
    Rule(
        "template-settings",
        Settings(
            (
                *("TEMPLATE_CONTEXT_PROCESSORS", "TEMPLATE_DEBUG", "TEMPLATE_DIRS"),
                *("TEMPLATE_LOADERS", "TEMPLATE_STRING_IF_INVALID"),
            )
        ),
        "Move the setting into TEMPLATES; Django reads no other since 1.10.",
    ),
    Rule(
        "settings-unread",
        Settings(
            (
                *("ALLOWED_INCLUDE_ROOTS", "CSRF_COOKIE_MASKED", "DEFAULT_CONTENT_TYPE"),
                *("DEFAULT_HASHING_ALGORITHM", "FILE_CHARSET", "SECURE_BROWSER_XSS_FILTER"),
                *("TEST_RUNNER_CLASS", "USE_DEPRECATED_PYTZ", "USE_ETAGS"),
            )
        ),
        "Remove the setting: Django 5.2 does not read it.",
    ),
    Rule(
        "use-l10n-off",
        django_code.use_l10n_off,
        "Remove USE_L10N and check forms and pages: dates and numbers are always localized.",
    ),
    Rule(
        "use-tz",
        None,
        "Set USE_TZ: its default became True, which changes how times are stored and compared.",
    ),
    Rule(
        "auto-field",
        None,
        'Set DEFAULT_AUTO_FIELD = "django.db.models.AutoField", or Django 6.0 makes migrations that'
        " change the type of every primary key.",
    ),
    Rule(
        "csrf-origins",
        django_code.origin_without_scheme,
        'Begin trusted origins with a scheme, as in "https://example.org".',
    ),
    Rule(
        "on-delete-other",
        django_code.other_relation_without_on_delete,
        "Give the relation on_delete; django-upgrade does not see it by this import.",
    ),
    Rule(
        "is-authenticated-other",
        django_code.other_user_called,
        "Remove the parentheses: is_authenticated and is_anonymous are attributes.",
    ),
    Rule(
        "string-view",
        django_code.view_named_by_string,
        "Import the view: Django 1.10 removed views that are named by strings.",
    ),
    Rule(
        "admin-urls",
        django_code.included_admin,
        "Pass admin.site.urls itself, without include().",
    ),
    Rule(
        "app-name",
        django_code.namespace_without_app_name,
        "Assign app_name in the included module, or pass include() a pair (patterns, app_name):"
        " Django 2.0 refuses the namespace otherwise.",
    ),
    Rule("patterns", Names(("django.conf.urls.patterns",)), "Make urlpatterns a list of path()."),
    Rule(
        "render-to-response",
        Names(("django.shortcuts.render_to_response",)),
        "Call render(request, template, context) instead of render_to_response().",
    ),
    Rule(
        "context-instance",
        Keywords("context_instance"),
        "Remove context_instance; pass the context as a dict and the request by name.",
    ),
    Rule(
        "render-context",
        django_code.rendered_context,
        "Pass render() a dict: templates of get_template() refuse a Context since Django 1.10.",
    ),
    Rule(
        "mimetype",
        Keywords("mimetype", ("HttpResponse", "StreamingHttpResponse", "TemplateResponse")),
        "Rename the argument mimetype to content_type.",
    ),
    Rule(
        "is-ajax",
        Attributes(("is_ajax",), called=True),
        'Compare request.headers.get("x-requested-with") with "XMLHttpRequest".',
    ),
    Rule(
        "request-data",
        Attributes(("REQUEST",)),
        "Read request.GET or request.POST: request.REQUEST was removed.",
    ),
    Rule(
        "assignment-tag",
        Attributes(("assignment_tag",)),
        "Use simple_tag, which can assign to a variable since Django 1.9.",
    ),
    Rule(
        "meta-methods",
        django_code.meta_methods,
        "Use _meta.get_fields() and _meta.get_field().",
    ),
    Rule(
        "widget-renderer",
        django_code.widget_without_renderer,
        "Add the argument renderer=None: Django passes it since 2.1.",
    ),
    Rule(
        "from-db-value",
        django_code.context_of_from_db_value,
        "Remove the argument context, which Django 3.0 no longer passes.",
    ),
    Rule(
        "authenticate",
        django_code.authenticate_without_request,
        "Take request as the first argument: Django 2.1 passes it to every backend.",
    ),
    Rule(
        "option-list",
        django_code.command_option_list,
        "Define add_arguments(): commands use argparse since Django 1.10.",
    ),
    Rule(
        "unicode-compatible",
        Names(("django.utils.encoding.python_2_unicode_compatible",)),
        "Remove python_2_unicode_compatible; on Python 3 it did nothing.",
    ),
    Rule(
        "utc",
        Names(("django.utils.timezone.utc",)),
        "Use datetime.timezone.utc; django-upgrade does it where the file imports datetime.",
    ),
    Rule(
        "lru-cache",
        Names(("django.utils.lru_cache",)),
        "Import lru_cache from functools.",
    ),
    Rule(
        "auth-views",
        Names(
            below(
                "django.contrib.auth.views",
                *("login", "logout", "password_change", "password_change_done", "password_reset"),
                *("password_reset_complete", "password_reset_confirm", "password_reset_done"),
            )
        ),
        "Use the class, such as LoginView.as_view(): the functions were removed.",
    ),
    Rule(
        "static-tag",
        Template(r"{%-?\s*load\b[^%]*\b(?:staticfiles|admin_static)\b"),
        "Write {% load static %}.",
    ),
    Rule(
        "ifequal",
        Template(r"{%-?\s*(?:ifequal|ifnotequal)\b"),
        "Write {% if a == b %}: ifequal and ifnotequal were removed.",
    ),
    Rule(
        "future-tags",
        Template(r"{%-?\s*load\b[^%]*\bfuture\b|{%-?\s*ssi\b"),
        "Remove the tag, or use include instead of ssi.",
    ),
    Rule(
        "length-is",
        Template(r"\|\s*length_is\b"),
        "Write {% if value|length == number %}: length_is was removed.",
    ),
    Rule(
        "template-call",
        Template(r"\.(?:is_authenticated|is_anonymous|is_ajax)\(\)"),
        "Remove the parentheses, and compute is_ajax in the view.",
    ),
    Rule("get-query-set", Methods(("get_query_set",)), "Rename it to get_queryset."),
    Rule(
        "pre-setup",
        django_code.preparation_of_an_instance,
        "Make the method a classmethod: Django 5.2 calls it on the class.",
    ),
)
