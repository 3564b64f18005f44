"""`python -m channels_realtime doctor` finds what has to change, and nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from channels_realtime.doctor.project import Project
from channels_realtime.doctor.rule import Who
from channels_realtime.doctor.rules import RULES
from harness.project import Board

HARNESS = Board.root.parent


class Example(NamedTuple):
    """A file that the rule finds in its last line, and one in which it finds nothing."""

    old: str
    new: str
    name: str = "app/code.py"


SETTINGS = "site/settings.py"
TEMPLATE = "app/templates/page.html"
PINS = "requirements.txt"
ROUTE = 'from channels import route\nroute("websocket.connect", joined)\n'
MODELS = "from django.db import models\n"
MODEL = f"{MODELS}class A(models.Model):\n"
KEYS = "DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n"
IMPORT_URL = "from django.urls import path, re_path, include\n"
OLD_CONSUMER = "def joined(message):\n    Group('a').add(message.reply_channel)\n"
ACCEPT = '    message.reply_channel.send({"accept": True})\n'

EXAMPLES = {
    "bridges": Example(
        "INSTALLED_APPS = ['channels']",
        "from channels_realtime import compat\ncompat.install()\nINSTALLED_APPS = ['channels']",
        SETTINGS,
    ),
    "accept": Example(f"{ROUTE}def joined(message):\n    pass", ROUTE + OLD_CONSUMER + ACCEPT),
    "group-names": Example(
        "class A(WebsocketBinding):\n def group_names(self, instance, action): pass",
        "class A(WebsocketBinding):\n @classmethod\n def group_names(cls, instance): pass",
    ),
    "binding-fields": Example(
        "class A(WebsocketBinding): model = M",
        "class A(WebsocketBinding):\n model = M\n fields = ['a']",
    ),
    "demultiplexer": Example(
        "class A(WebsocketDemultiplexer): mapping = {'a': 'b'}",
        "class A(WebsocketDemultiplexer): consumers = {'a': B}",
    ),
    "slight-ordering": Example(
        "@enforce_ordering(slight=True)\ndef a(m): pass", "@enforce_ordering\ndef a(m): pass"
    ),
    "message-path": Example("message['path'].decode('ascii')", "message['path'].strip('/')"),
    "query-string": Example(
        "parse_qs(message.content['query_string'])",
        "parse_qs(message.content['query_string'].decode())",
    ),
    "channels-0": Example(
        "from channels.decorators import linearize", "from channels.sessions import channel_session"
    ),
    "channels-2": Example(
        "from channels.generic.websocket import WebsocketConsumer",
        "from channels.generic.websockets import WebsocketConsumer",
    ),
    "reply-channel": Example(
        "Channel('daphne.response.' + name)", "Channel(name)  # such as daphne.response.a!b"
    ),
    "command": Example(
        "from channels.management.commands import runworker as r\nclass Command(r.Command): pass",
        "from channels_realtime.management.commands import runworker\n"
        "class Command(runworker.Command): pass",
        "app/management/commands/runworker.py",
    ),
    "channels-gone": Example("from channels.auth import login", "from channels import Group"),
    "channel-backends": Example("CHANNEL_BACKENDS = {}", "CHANNEL_LAYERS = {}", SETTINGS),
    "other-layer": Example(
        "CHANNEL_LAYERS = {'default': {'BACKEND': 'asgi_ipc.IPCChannelLayer'}}",
        "CHANNEL_LAYERS = {'default': {'BACKEND': 'channels_realtime.layer.RedisChannelLayer'}}",
        SETTINGS,
    ),
    "redis-layer": Example(
        "CHANNEL_LAYERS = {'default': {'BACKEND': 'asgi_redis.RedisChannelLayer'}}", "", SETTINGS
    ),
    "delay": Example("INSTALLED_APPS = ['channels.delay']", "INSTALLED_APPS = []", SETTINGS),
    "six": Example("from django.utils import six", "import six"),
    "strict-version": Example("from distutils.version import StrictVersion", ""),
    "cgi": Example("import cgi", "import html"),
    "url": Example("from django.conf.urls import url", "from django.conf.urls import include"),
    "urlresolvers": Example(
        "from django.core.urlresolvers import reverse", "from django.urls import reverse"
    ),
    "on-delete": Example(
        f"{MODELS}models.ForeignKey('auth.User', null=True)",
        f"{MODELS}models.ForeignKey('auth.User', models.CASCADE)\nmodels.ForeignKey('A', **more)",
    ),
    "is-authenticated": Example("request.user.is_authenticated()", "request.user.is_authenticated"),
    "ugettext": Example(
        "from django.utils import translation\ntranslation.ugettext('a')",
        "from django.utils.translation import gettext",
    ),
    "force-text": Example(
        "from django.utils.encoding import force_text, force_bytes",
        "from django.utils.encoding import force_str",
    ),
    "utils-http": Example(
        "from django.utils.http import urlquote", "from django.utils.http import urlencode"
    ),
    "moved": Example(
        "from django.contrib.staticfiles.templatetags.staticfiles import static",
        "from django.templatetags.static import static",
    ),
    "default-app-config": Example("default_app_config = 'a.B'", "", "app/__init__.py"),
    "null-boolean-field": Example(
        f"{MODEL} b = models.NullBooleanField()", f"{MODEL} b = models.BooleanField(null=True)"
    ),
    "json-field": Example(
        "from django.contrib.postgres.fields import JSONField",
        "from django.contrib.postgres.fields import ArrayField",
    ),
    "index-together": Example(
        f"{MODEL} class Meta:\n  index_together = [['b', 'c']]",
        f"{MODEL} class Meta:\n  unique_together = [['b', 'c']]",
    ),
    "providing-args": Example("a = Signal(providing_args=['b'])", "a = Signal()"),
    "random-string": Example(
        "from django.utils.crypto import get_random_string\nget_random_string()",
        "from django.utils.crypto import get_random_string\nget_random_string(12)",
    ),
    "use-l10n": Example("USE_L10N = True", "USE_I18N = True", SETTINGS),
    "storage-settings": Example("STATICFILES_STORAGE = 'a.B'", "STORAGES = {}", SETTINGS),
    "reset-timeout": Example(
        "PASSWORD_RESET_TIMEOUT_DAYS = 1", "PASSWORD_RESET_TIMEOUT = 9", SETTINGS
    ),
    "postgresql-engine": Example(
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql_psycopg2'}}",
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql'}}",
        SETTINGS,
    ),
    "system-checks": Example(
        "class Command(BaseCommand): requires_system_checks = False",
        "class Command(BaseCommand): requires_system_checks = []",
    ),
    "allow-tags": Example("def a(): pass\na.allow_tags = True", "a.short_description = 'b'"),
    "assertions": Example("self.assertQuerysetEqual(a, b)", "self.assertQuerySetEqual(a, b)"),
    "django-gone": Example(
        "from django.db.models import permalink",
        "from django.core import mail\nmail.outbox\nfrom django.db.models import QuerySet",
    ),
    "middleware-classes": Example(
        "MIDDLEWARE_CLASSES = []", "MIDDLEWARE = MIDDLEWARE_CLASSES = []", SETTINGS
    ),
    "session-verification": Example(
        "MIDDLEWARE = ['django.contrib.auth.middleware.SessionAuthenticationMiddleware']",
        "MIDDLEWARE = ['django.contrib.auth.middleware.AuthenticationMiddleware']",
        SETTINGS,
    ),
    "middleware": Example(
        "class SomeMiddleware(object):\n def process_request(self, request): pass",
        "class A(MiddlewareMixin):\n def process_request(self, request): pass",
        "app/middleware.py",
    ),
    "context-processors": Example(
        "A = ['django.core.context_processors.request']",
        "A = ['django.template.context_processors.request']",
        SETTINGS,
    ),
    "template-settings": Example("TEMPLATE_DIRS = []", "TEMPLATES = []", SETTINGS),
    "settings-unread": Example("USE_ETAGS = True", "USE_I18N = True", SETTINGS),
    "use-l10n-off": Example("USE_L10N = False", "", SETTINGS),
    "use-tz": Example(
        f"{MODEL} at = models.DateTimeField()\n{KEYS}INSTALLED_APPS = []",
        f"{MODEL} at = models.DateTimeField()\n{KEYS}INSTALLED_APPS = []\nUSE_TZ = False",
    ),
    "auto-field": Example(
        f"{MODEL} pass\nINSTALLED_APPS = []", f"{MODEL} pass\n{KEYS}INSTALLED_APPS = []"
    ),
    "csrf-origins": Example(
        "CSRF_TRUSTED_ORIGINS = ['example.org']",
        "CSRF_TRUSTED_ORIGINS = ['https://example.org']",
        SETTINGS,
    ),
    "on-delete-other": Example(
        "from django.contrib.gis.db import models\nmodels.ForeignKey('A')",
        "from django.contrib.gis.db import models\nmodels.ForeignKey('A', models.CASCADE)",
    ),
    "is-authenticated-other": Example(
        "message.user.is_authenticated()", "message.user.is_authenticated"
    ),
    "string-view": Example(
        f"{IMPORT_URL}re_path('a', 'app.views.a')", f"{IMPORT_URL}path('a/', a, name='a')"
    ),
    "admin-urls": Example(
        f"{IMPORT_URL}path('admin/', include(admin.site.urls))",
        f"{IMPORT_URL}path('admin/', admin.site.urls)",
    ),
    "app-name": Example(
        f"{IMPORT_URL}path('api/', include(router.urls, namespace='api'))",
        f"{IMPORT_URL}path('api/', include((router.urls, 'api'), namespace='api'))",
    ),
    "patterns": Example(
        "from django.conf.urls import patterns", "from django.conf.urls import handler404"
    ),
    "render-to-response": Example(
        "from django.shortcuts import render_to_response", "from django.shortcuts import render"
    ),
    "context-instance": Example("render(r, t, context_instance=c)", "render(r, t, c)"),
    "render-context": Example(
        "get_template('a').render(Context({}))",
        "get_template('a').render({})\nTemplate('a').render(Context({}))",
    ),
    "mimetype": Example("HttpResponse(a, mimetype='b')", "HttpResponse(a, content_type='b')"),
    "is-ajax": Example("request.is_ajax()", "request.headers"),
    "request-data": Example("request.REQUEST['a']", "request.GET['a']"),
    "assignment-tag": Example(
        "@register.assignment_tag\ndef a(): pass",
        "@register.simple_tag\ndef a(): pass",
    ),
    "meta-methods": Example("A._meta.get_all_field_names()", "A._meta.get_fields()"),
    "widget-renderer": Example(
        "class A(TextInput):\n def render(self, name, value, attrs=None): pass",
        "class A(TextInput):\n def render(self, name, value, attrs=None, renderer=None): pass",
    ),
    "from-db-value": Example(
        "class A:\n def from_db_value(self, value, expression, connection, context): pass",
        "class A:\n def from_db_value(self, value, expression, connection): pass",
    ),
    "authenticate": Example(
        "class ABackend:\n def authenticate(self, token=None): pass",
        "class ABackend:\n def authenticate(self, request, token=None): pass",
    ),
    "option-list": Example(
        "class Command(BaseCommand): option_list = BaseCommand.option_list + (a,)",
        "class Command(BaseCommand):\n def add_arguments(self, parser): pass",
    ),
    "unicode-compatible": Example(
        "from django.utils.encoding import python_2_unicode_compatible",
        "from django.utils.encoding import smart_str",
    ),
    "utc": Example(
        "from django.utils.timezone import utc", "from django.utils.timezone import now"
    ),
    "lru-cache": Example(
        "from django.utils.lru_cache import lru_cache", "from functools import lru_cache"
    ),
    "auth-views": Example(
        "from django.contrib.auth import views\nviews.login",
        "from django.contrib.auth import views\nviews.LoginView",
    ),
    "static-tag": Example("{% load i18n staticfiles %}", "{% load i18n static %}", TEMPLATE),
    "ifequal": Example("{% ifequal a b %}", "{# {% ifequal a b %} #}{% if a == b %}", TEMPLATE),
    "future-tags": Example("{% load url from future %}", "{% load static %}", TEMPLATE),
    "length-is": Example("{% if a|length_is:'1' %}", "{% if a|length == 1 %}", TEMPLATE),
    "template-call": Example(
        "{% if user.is_authenticated() %}", "{% if user.is_authenticated %}", TEMPLATE
    ),
    "unicode-method": Example(
        f"{MODEL} def __unicode__(self): pass", f"{MODEL} def __str__(self): pass"
    ),
    "get-query-set": Example(
        "class A(Manager):\n def get_query_set(self): pass",
        "class A(Manager):\n def get_queryset(self): pass",
    ),
    "app-config": Example(
        "class ChatConfig(AppConfig):\n name = 'rooms'",
        "class ChatConfig(AppConfig):\n name = 'site.chat'",
        "chat/apps.py",
    ),
    "python-2-syntax": Example("print 'a'", "print('a')"),
    "python-2-names": Example("unicode(a)", "try:\n unicode\nexcept NameError:\n unicode = str"),
    "python-2-dicts": Example("a.iteritems()", "import six\nsix.iteritems(a)"),
    "python-2-modules": Example(
        "from urllib import quote", "try:\n import urlparse\nexcept ImportError: pass"
    ),
    "python-modules": Example(
        "from collections import Mapping", "from collections.abc import Mapping"
    ),
    "pre-setup": Example(
        "class A(ChannelLiveServerTestCase):\n def _pre_setup(self): pass",
        "class A(ChannelLiveServerTestCase):\n @classmethod\n def _pre_setup(cls): pass",
    ),
    "test-aliases": Example("self.assertEquals(a, b)", "self.assertEqual(a, b)"),
    "requirement": Example("Django>=1.11,<2", "Django>=5.2\nTwisted>=17", PINS),
    "channels-package": Example("channels-api==0.4.1", "djangorestframework", PINS),
    "legacy-pin": Example("channels==0.17.3", "channels==1.1.8\nasgi-redis==1.4.3", PINS),
    "python-version": Example("python-2.7.12", "python-3.12.1", "runtime.txt"),
}


def findings(folder: Path, **files: str):
    """What is found in a project of these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    project = Project(folder)
    project.read()
    return project.findings


def rules_found(folder: Path, **files: str):
    return [found.rule.id for found in findings(folder, **files)]


def doctor(*arguments: str | Path):
    command = [sys.executable, "-m", "channels_realtime", "doctor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_rule_has_an_example():
    assert set(EXAMPLES) == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", EXAMPLES)
def test_a_rule_finds_old_code_by_its_line(rule, tmp_path):
    old, _, name = EXAMPLES[rule]
    found = [each for each in findings(tmp_path, **{name: old}) if each.rule.id == rule]
    assert [str(each.path) for each in found] == [name]
    assert found[0].text in old.splitlines()[found[0].line - 1]


@pytest.mark.parametrize("rule", EXAMPLES)
def test_current_code_gives_no_alarm(rule, tmp_path):
    _, new, name = EXAMPLES[rule]
    assert rules_found(tmp_path, **{name: new}) == []


def test_even_the_right_pin_is_found_beside_the_package_itself(tmp_path):
    pins = "channels-realtime==0.1.0\nchannels==1.1.8\n"
    assert rules_found(tmp_path, **{PINS: pins}) == ["legacy-pin"]


def test_all_pins_of_an_old_project_are_found(tmp_path):
    pins = "Django==1.11.29\nchannels==1.1.8\nasgi-redis==1.4.3\ndaphne==1.4.2\n"
    assert rules_found(tmp_path, **{PINS: pins}) == ["requirement", *3 * ["legacy-pin"]]


# Handshakes


def consumer(body: str, more: str = "") -> dict[str, str]:
    return {"chat/consumers.py": f"{ROUTE}{more}\ndef joined(message):\n    {body}\n"}


@pytest.mark.parametrize(
    "body",
    [
        "Group('a').add(message.reply_channel)",
        "message.channel_session['room'] = message.content['path']",
        "if bad(): message.reply_channel.send({'close': True})",
        "register(message)",
    ],
)
def test_a_consumer_that_never_answers_the_handshake_is_found(body, tmp_path):
    files = consumer(body, "def register(message): print(message)")
    assert rules_found(tmp_path, **files) == ["accept"]


@pytest.mark.parametrize(
    "body",
    [
        "message.reply_channel.send({'text': 'hello'})",
        "message.reply_channel.send({'accept': False})",
        "message.reply_channel.send({'close': True})",
        "Group('a').add(message.reply_channel); Group('a').send({'text': 'joined'})",
        "greet(message)",
        "third_party(message)",
        "later.delay(message.reply_channel.name)",
        "raise DenyConnection",
    ],
)
def test_a_consumer_that_may_answer_is_not(body, tmp_path):
    helper = "def greet(message): message.reply_channel.send({'text': 'hello'})"
    assert rules_found(tmp_path, **consumer(body, helper)) == []


@pytest.mark.parametrize(
    ("more", "found"), [("", ["app-name"]), ("app_name = 'notes'\n", [])], ids=["without", "with"]
)
def test_a_namespace_needs_the_name_of_the_application(more, found, tmp_path):
    files = {
        "src/site/urls.py": f"{IMPORT_URL}path('', include('notes.urls', namespace='notes'))\n"
        "path('', include('notes.urls'))\npath('', include('other.urls', namespace='other'))",
        "src/notes/urls.py": f"{more}urlpatterns = []",
    }
    assert rules_found(tmp_path, **files) == found


def test_consumers_that_are_named_by_strings_or_in_a_dict_are_found(tmp_path):
    files = {
        "chat/routing.py": "channel_routing = {'websocket.connect': 'chat.consumers.joined'}",
        "chat/consumers.py": f"@channel_session\n{OLD_CONSUMER}",
    }
    found = findings(tmp_path, **files)
    assert [(each.rule.id, str(each.path), each.line) for each in found] == [
        ("accept", "chat/consumers.py", 2)
    ]


def test_a_lambda_that_never_answers_the_handshake_is_found(tmp_path):
    text = (
        "from channels.routing import route\n"
        "route('websocket.connect', lambda message: None)\n"
        "route('websocket.connect', lambda message: message.reply_channel.send({'accept': True}))\n"
    )
    assert [each.line for each in findings(tmp_path, **{"app/routing.py": text})] == [2]


def test_a_binding_that_calls_its_group_names_itself_may_give_the_action(tmp_path):
    text = (
        "class A(WebsocketBinding):\n"
        "    def pre_change_receiver(cls, instance, action): cls.group_names(instance, action)\n"
        "    def post_change_receiver(cls, instance, action): cls.group_names(instance, action)\n"
        "    def group_names(cls, instance, action): pass\n"
    )
    assert rules_found(tmp_path, **{"app/bindings.py": text}) == []


def test_a_class_whose_connect_answers_nothing_is_found(tmp_path):
    text = (
        "class A(JsonWebsocketConsumer):\n    def connect(self, message): self.kept = 1\n"
        "class B(JsonWebsocketConsumer):\n    def connect(self, message): self.send({})\n"
        "class C(WebsocketConsumer):\n    def connect(self, message): super().connect(message)\n"
        "class D(JsonWebsocketConsumer):\n    def connect(self, message): self.kept = 1\n"
        "class E(WebsocketDemultiplexer): consumers = {'d': D}\n"
    )
    assert [each.line for each in findings(tmp_path, **{"app/consumers.py": text})] == [2]


# The whole command


def test_code_for_other_versions_is_left_alone(tmp_path):
    text = (
        "import django\n"
        "try:\n    from django.urls import reverse\n"
        "except ImportError:\n    from django.core.urlresolvers import reverse\n"
        "if django.VERSION < (2, 0):\n    MIDDLEWARE_CLASSES = []\n"
    )
    assert rules_found(tmp_path, **{SETTINGS: text}) == []


def test_other_peoples_code_is_not_read(tmp_path):
    old = "from django.conf.urls import url"
    files = {"env/pyvenv.cfg": "", "env/lib/a.py": old, ".tox/a.py": old, "node_modules/a.py": old}
    assert rules_found(tmp_path, **files) == []


def test_nothing_of_the_project_is_imported_and_the_report_counts(tmp_path):
    files = {
        "app/__init__.py": "raise SystemExit('imported')",
        "app/urls.py": "from django.conf.urls import url, patterns\nfrom django.utils import six\n",
        "app/old.py": "x = 1\nprint 'a'\n",
    }
    findings(tmp_path, **files)
    done = doctor(tmp_path)
    assert done.returncode == 1, done.stderr
    assert "    app/urls.py:1  from django.conf.urls import url, patterns" in done.stdout
    assert "    app/old.py:2  print 'a'" in done.stdout
    counts = (
        "2 to change by hand, 1 that django-upgrade rewrites, 1 that the bridges cover; 3 files"
    )
    assert counts in done.stdout


def test_work_for_django_upgrade_alone_is_success(tmp_path):
    findings(tmp_path, **{"app/urls.py": "from django.conf.urls import url"})
    done = doctor(tmp_path)
    assert done.returncode == 0
    assert "--target-version 5.2" in done.stdout


def test_a_wrong_argument_is_refused(tmp_path):
    assert doctor().returncode == 2
    assert doctor(tmp_path / "missing").returncode == 2
    empty = doctor(tmp_path)
    assert (empty.returncode, empty.stdout) == (2, "")


@pytest.mark.parametrize("name", ["foreign", "project"])
def test_the_example_projects_need_nothing(name):
    project = Project(HARNESS / name)
    project.read()
    assert [found for found in project.findings if found.rule.who is not Who.BRIDGES] == []
