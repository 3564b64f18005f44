"""What django-upgrade rewrites: its "Fixers" for the target version 5.2.

Where it rewrites only the usual form, a rule of `django` has the others.
"""

from channels_realtime.doctor import django_code
from channels_realtime.doctor.rule import Attributes, Keywords, Names, Rule, Settings, Who, below

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
