"""The environment variables: read with their defaults, or refused with one sentence."""

import pytest

from proj.environment import ROOT, VARIABLES, Environment, WrongValue
from proj.environment_fields import parse_sentinel


def test_without_variables_everything_has_its_default():
    environment = Environment({})
    assert (environment.HOST, environment.PORT) == ("127.0.0.1", 8000)
    assert environment.DATA_DIR == ROOT / "var"
    assert environment.REDIS_URL == [f"unix://{ROOT / 'var' / 'run' / 'redis.sock'}"]


def test_an_empty_variable_counts_as_unset():
    assert Environment({"PORT": ""}).PORT == 8000


def test_a_memory_budget_is_a_number_of_bytes_or_has_a_unit():
    assert Environment({}).MEMORY_BUDGET == 1 << 30
    assert Environment({"MEMORY_BUDGET": "512M"}).MEMORY_BUDGET == 512 << 20
    assert Environment({"MEMORY_BUDGET": "268435456"}).MEMORY_BUDGET == 256 << 20


def test_several_redis_urls_are_shards():
    urls = "redis://a:6379/0, rediss://user:word@b/1"
    assert Environment({"REDIS_URL": urls}).REDIS_URL == urls.split(", ")


def test_a_sentinel_url_names_hosts_service_and_password():
    assert parse_sentinel("sentinel://:p%40ss@a:1;b/main") == (
        (("a", 1), ("b", 26379)),
        "main",
        "p@ss",
    )


def test_a_data_dir_too_deep_for_a_socket_gets_a_short_run_folder():
    deep = Environment({"DATA_DIR": "/srv/" + "deep/" * 30})
    assert len(str(deep.run_dir / "supervisor.sock")) < 108
    assert deep.run_dir == Environment({"DATA_DIR": "/srv/" + "deep/" * 30}).run_dir


def test_a_relative_data_dir_belongs_to_the_project():
    assert Environment({"DATA_DIR": "other"}).DATA_DIR == ROOT / "other"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("HOST", "::1"),
        ("DEBUG", "yes please"),
        ("ACCENT_COLOR", "blue"),
        ("SITE_LOGO", "logo.svg"),
        ("SITE_LOGO", "//evil.example/logo.svg"),
        ("FOOTER_LINKS", "Imprint"),
        ("FOOTER_LINKS", "Run=javascript:alert(1)"),
        ("SITE_NAME", "x" * 81),
        ("SECRET_KEY", "short"),
        ("VAPID_PRIVATE_KEY", "short"),
        ("VAPID_PRIVATE_KEY", "A" * 43),  # 0
        ("VAPID_PRIVATE_KEY", "_" * 43),  # more than the order of the curve
        ("ALERTS_CONTACT", "desk@news.example"),
        ("ALERTS_CONTACT", "http://news.example"),
        ("WORKERS", "0"),
        ("CONSUMER_TIMEOUT", "0.5"),
        ("INTERFACES", "-1"),
        ("CHAT_HISTORY", "101"),
        ("CHAT_RETENTION", "0"),
        ("MEMORY_BUDGET", "255M"),
        ("MEMORY_BUDGET", "1 GB"),
        ("MEMORY_BUDGET", "1025G"),
        ("REDIS_URL", "memcached://localhost"),
        ("REDIS_URL", "redis://localhost:port"),
        ("REDIS_URL", "redis://localhost:0"),
        ("REDIS_URL", "sentinel://host:26379"),
        ("REDIS_URL", "sentinel://host:26379/one,redis://host"),
        ("REDIS_URL", "sentinel://a/one,sentinel://b/two"),
        ("DATABASE_URL", "mysql://localhost/blog"),
        ("DATABASE_URL", "postgres://"),
        ("DATABASE_URL", "postgres://localhost"),
        ("DATABASE_URL", "postgres://localhost:port/blog"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("ALLOWED_HOSTS", ","),
        ("ALLOWED_HOSTS", "https://blog.example.org"),
        ("ALLOWED_HOSTS", "blog.example.org:8000"),
        ("ALLOWED_HOSTS", "blog.example.org www.example.org"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(name, value):
    with pytest.raises(WrongValue) as refusal:
        Environment({name: value})
    allowed = next(variable.allowed for variable in VARIABLES if variable.name == name)
    assert str(refusal.value) == f"{name}={value!r} is not allowed: {name} is {allowed}."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres:///blog"),
        ("DATABASE_URL", "postgresql://user:p%20w@10.0.0.7:5432/blog?sslmode=require"),
        ("DATABASE_URL", "postgres://?service=blog"),
        ("DATABASE_URL", "sqlite:////srv/blog.sqlite3"),
        ("ALLOWED_HOSTS", "blog.example.org,.example.com,10.0.0.7,[::1],localhost"),
        ("ALLOWED_HOSTS", "*"),
    ],
)
def test_allowed_values_are_accepted(name, value):
    assert getattr(Environment({name: value}), name) in (value, value.split(","))


def test_a_secret_can_be_read_from_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("k" * 40 + "\n")
    assert Environment({"SECRET_KEY_FILE": str(file)}).SECRET_KEY == "k" * 40
    with pytest.raises(WrongValue, match="SECRET_KEY_FILE is unset where SECRET_KEY is set"):
        Environment({"SECRET_KEY_FILE": str(file), "SECRET_KEY": "k" * 40})
    with pytest.raises(WrongValue, match="SECRET_KEY_FILE is a text file that this user can read"):
        Environment({"SECRET_KEY_FILE": str(tmp_path / "missing")})
    assert Environment({"PORT_FILE": str(file)}).PORT == 8000  # no secret
