"""The table of what is looked for: id, what, one sentence, and who changes it.

What django-upgrade rewrites is what its documentation lists under "Fixers" for the target version
5.2. Where it rewrites only the usual form, a second rule has the others. Of two rules that match
the same name, the one with the longer name is reported.
"""

from channels_realtime.doctor import channels_code, django_code
from channels_realtime.doctor.rule import (
    Attributes,
    Keywords,
    Methods,
    Names,
    Rule,
    Settings,
    Template,
    Who,
)


def below(module: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for name in names)


CHANNELS = (
    Rule(
        "bridges",
        None,
        "Call channels_realtime.compat.install() in the __init__.py of the settings' package.",
    ),
    Rule(
        "accept",
        None,
        'Send {"accept": True} to the reply channel: Channels 1.0 no longer accepts by itself.',
    ),
    Rule(
        "group-names",
        channels_code.binding_with_action,
        "Make group_names a classmethod of (cls, instance); Channels 1.0 finds the action itself.",
    ),
    Rule(
        "binding-fields",
        channels_code.binding_without_fields,
        'Give the binding `fields` or `exclude`; fields = ["__all__"] sends all as before.',
    ),
    Rule(
        "demultiplexer",
        channels_code.demultiplexer_mapping,
        "Replace `mapping` by `consumers`, from streams to consumers instead of channels.",
    ),
    Rule(
        "slight-ordering",
        channels_code.slight_ordering,
        "Remove slight ordering: it is always on, and Channels 1.0 refuses the option.",
    ),
    Rule(
        "message-path",
        channels_code.decoded_path,
        "Remove decode(): the path of a message is text.",
    ),
    Rule(
        "query-string",
        channels_code.undecoded_query_string,
        "Decode the query string of the message first: on Python 3 it is bytes.",
    ),
    Rule(
        "channels-0",
        Names(
            (
                *below("channels", "adapters", "backends", "database_layer", "decorators"),
                *below("channels", "interfaces", "request", "response"),
            )
        ),
        "Channels 1.x has no such module; session and user decorators are in channels.sessions"
        " and channels.auth.",
    ),
    Rule(
        "channels-2",
        Names(
            (
                *below("channels", "consumer", "db", "exceptions.StopConsumer", "http", "layers"),
                *below("channels", "generic.websocket", "middleware", "routing.URLRouter"),
                *below("channels", "routing.ProtocolTypeRouter", "testing"),
                "channels_redis",
            )
        ),
        "This is code for Channels 2 or later, which channels-realtime does not run.",
    ),
    Rule(
        "reply-channel",
        channels_code.prefix_of_reply_channels,
        "Use the name of a reply channel as it comes: those of channels_realtime's interface server"
        " begin with realtime.",
    ),
    Rule(
        "command",
        channels_code.command_of_channels,
        "Derive the command from that of channels_realtime.management.commands, and name its app"
        " before channels_realtime: only the first app's command runs.",
    ),
    Rule("channels-gone", None, "channels 1.1.8 has no such module or name."),
    Rule(
        "channel-backends",
        Settings(("CHANNEL_BACKENDS",)),
        "Rename CHANNEL_BACKENDS to CHANNEL_LAYERS and name channels_realtime's layer.",
    ),
    Rule(
        "other-layer",
        Names(("asgi_ipc", "asgi_rabbitmq", "beatserver")),
        "Use channels_realtime.layer.RedisChannelLayer: this package was not made for Django 5.2.",
    ),
    Rule(
        "redis-layer",
        Names(("asgi_redis",)),
        "asgi_redis runs with the bridges; channels_realtime.layer takes the same CONFIG.",
        Who.BRIDGES,
    ),
    Rule(
        "delay",
        Names(("channels.delay",)),
        "The app is renamed to channels_delay, because Django 3 refuses its label.",
        Who.BRIDGES,
    ),
    Rule(
        "six",
        Names(("django.utils.six",)),
        "django.utils.six is provided, though Django 3.0 removed it.",
        Who.BRIDGES,
    ),
    Rule(
        "strict-version",
        Names(("distutils.version.StrictVersion",)),
        "StrictVersion is provided, though Python 3.12 removed distutils.",
        Who.BRIDGES,
    ),
    Rule("cgi", Names(("cgi",)), "legacy-cgi is installed on Python 3.13.", Who.BRIDGES),
)

REWRITTEN = (
    Rule(
        "url",
        Names(("django.conf.urls.url",)),
        "url() becomes path() or re_path() of django.urls.",
        Who.TOOL,
    ),
    Rule(
        "urlresolvers",
        Names(
            below(
                "django.core.urlresolvers",
                *("NoReverseMatch", "Resolver404", "ResolverMatch", "clear_script_prefix"),
                *("clear_url_caches", "get_callable", "get_mod_func", "get_ns_resolver"),
                *("get_resolver", "get_script_prefix", "get_urlconf", "is_valid_path", "resolve"),
                *("reverse", "reverse_lazy", "set_script_prefix", "set_urlconf", "translate_url"),
            )
        ),
        "django.core.urlresolvers becomes django.urls.",
        Who.TOOL,
    ),
    Rule(
        "on-delete",
        django_code.relation_without_on_delete,
        "Relations get on_delete=CASCADE, which Django 1.11 did by default.",
        Who.TOOL,
    ),
    Rule(
        "is-authenticated",
        django_code.user_of_request_called,
        "is_authenticated and is_anonymous of request.user lose their parentheses.",
        Who.TOOL,
    ),
    Rule(
        "ugettext",
        Names(
            below(
                "django.utils.translation",
                *("ugettext", "ugettext_lazy", "ugettext_noop", "ungettext", "ungettext_lazy"),
            )
        ),
        "The functions of django.utils.translation lose their u.",
        Who.TOOL,
    ),
    Rule(
        "force-text",
        Names(below("django.utils.encoding", "force_text", "smart_text")),
        "force_text and smart_text become force_str and smart_str.",
        Who.TOOL,
    ),
    Rule(
        "utils-http",
        Names(
            below(
                "django.utils.http",
                *("is_safe_url", "urlquote", "urlquote_plus", "urlunquote", "urlunquote_plus"),
            )
        ),
        "The quoting functions of django.utils.http become those of urllib.parse.",
        Who.TOOL,
    ),
    Rule(
        "moved",
        Names(
            (
                "django.contrib.admin.ACTION_CHECKBOX_NAME",
                "django.contrib.staticfiles.templatetags.staticfiles.static",
                "django.core.paginator.QuerySetPaginator",
                *below("django.db.models", "fields.FieldDoesNotExist", "query.EmptyResultSet"),
                *below("django.db.models.sql", "EmptyResultSet", "datastructures.EmptyResultSet"),
                *below("django.forms", "extras.SelectDateWidget", "forms.BoundField"),
                "django.forms.forms.pretty_name",
                *below("django.template.base", "Context", "RequestContext"),
                *below("django.utils", "decorators.ContextDecorator", "functional.lru_cache"),
                "django.utils.text.unescape_entities",
                "django.utils.timezone.FixedOffset",
            )
        ),
        "The name is imported from where Django or Python has it now.",
        Who.TOOL,
    ),
    Rule(
        "default-app-config",
        django_code.default_app_config,
        "default_app_config is removed; Django finds the only AppConfig by itself.",
        Who.TOOL,
    ),
    Rule(
        "null-boolean-field",
        django_code.null_boolean_field,
        "NullBooleanField becomes BooleanField(null=True); run makemigrations afterwards.",
        Who.TOOL,
    ),
    Rule(
        "json-field",
        django_code.postgres_json_field,
        "JSONField comes from django.db.models; run makemigrations afterwards.",
        Who.TOOL,
    ),
    Rule(
        "index-together",
        django_code.index_together,
        "index_together becomes indexes; run makemigrations afterwards.",
        Who.TOOL,
    ),
    Rule(
        "providing-args",
        Keywords("providing_args", ("Signal",)),
        "Signal() loses its argument providing_args.",
        Who.TOOL,
    ),
    Rule(
        "random-string",
        django_code.random_string_without_length,
        "get_random_string() gets its length, which was 12 by default.",
        Who.TOOL,
    ),
    Rule(
        "use-l10n",
        django_code.use_l10n_on,
        "USE_L10N is removed, because it is always on.",
        Who.TOOL,
    ),
    Rule(
        "storage-settings",
        Settings(("DEFAULT_FILE_STORAGE", "STATICFILES_STORAGE")),
        "The settings of storages become one, STORAGES.",
        Who.TOOL,
    ),
    Rule(
        "reset-timeout",
        Settings(("PASSWORD_RESET_TIMEOUT_DAYS",)),
        "PASSWORD_RESET_TIMEOUT_DAYS becomes PASSWORD_RESET_TIMEOUT in seconds.",
        Who.TOOL,
    ),
    Rule(
        "postgresql-engine",
        Names(("django.db.backends.postgresql_psycopg2",)),
        "The database engine becomes django.db.backends.postgresql.",
        Who.TOOL,
    ),
    Rule(
        "system-checks",
        django_code.boolean_system_checks,
        'requires_system_checks becomes "__all__" or [].',
        Who.TOOL,
    ),
    Rule(
        "allow-tags",
        django_code.allow_tags,
        "allow_tags is removed; check that the function returns format_html(), or tags are shown.",
        Who.TOOL,
    ),
    Rule(
        "assertions",
        Attributes(("assertFormsetError", "assertQuerysetEqual"), called=True),
        "The assertions are spelled assertFormSetError and assertQuerySetEqual.",
        Who.TOOL,
    ),
)

BY_HAND = (
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
    Rule(
        "unicode-method",
        Methods(("__unicode__", "__nonzero__", "__cmp__")),
        "Rename it for Python 3: __str__, __bool__, or __eq__ and __lt__.",
    ),
    Rule("get-query-set", Methods(("get_query_set",)), "Rename it to get_queryset."),
    Rule("python-2-syntax", None, "Convert it to Python 3, then run this again."),
    Rule(
        "python-2-names",
        django_code.python_2_builtins,
        "Use Python 3's name: str for unicode and basestring, range for xrange, input, chr, int.",
    ),
    Rule(
        "python-2-dicts",
        django_code.python_2_dict_methods,
        "Use items(), keys(), values() or the operator in.",
    ),
    Rule(
        "python-2-modules",
        Names(
            (
                *("BaseHTTPServer", "ConfigParser", "Cookie", "HTMLParser", "Queue", "StringIO"),
                *("__builtin__", "cPickle", "cStringIO", "cookielib", "httplib", "urllib2"),
                *below("urllib", "quote", "quote_plus", "unquote", "urlencode", "urlopen"),
                *("urlparse", "xmlrpclib"),
            )
        ),
        "Import Python 3's module, such as urllib.parse, queue, io or configparser.",
    ),
    Rule(
        "python-modules",
        Names(
            (
                *("asynchat", "asyncore", "crypt", "distutils", "imghdr", "imp", "lib2to3"),
                *("pipes", "smtpd", "sndhdr", "telnetlib"),
                *below(
                    "collections",
                    *("Callable", "Container", "Hashable", "Iterable", "Iterator", "Mapping"),
                    *("MutableMapping", "MutableSequence", "MutableSet", "Sequence", "Set"),
                    "Sized",
                ),
                *below("inspect", "getargspec"),
            )
        ),
        "Replace it: Python 3.11 to 3.13 removed the module or name.",
    ),
    Rule(
        "pre-setup",
        django_code.preparation_of_an_instance,
        "Make the method a classmethod: Django 5.2 calls it on the class.",
    ),
    Rule(
        "test-aliases",
        Attributes(
            (
                *("assertDictContainsSubset", "assertEquals", "assertItemsEqual"),
                *("assertNotEquals", "assertRaisesRegexp", "assertRegexpMatches", "assert_"),
                *("failIf", "failUnless"),
            ),
            called=True,
        ),
        "Use the current name, such as assertEqual: Python 3.12 removed the old ones.",
    ),
    Rule(
        "requirement",
        None,
        "Remove the pin or raise it: channels-realtime needs a later version.",
    ),
    Rule(
        "channels-package",
        None,
        "Remove the line: with it, installers choose an old Django or another channels. Install the"
        " package by `python -m channels_realtime install NAME`.",
    ),
    Rule(
        "legacy-pin",
        None,
        "Remove the line: `python -m channels_realtime install` installs what is needed.",
    ),
    Rule("python-version", None, "Choose Python 3.11 to 3.13."),
)

RULES = (*CHANNELS, *REWRITTEN, *BY_HAND)
