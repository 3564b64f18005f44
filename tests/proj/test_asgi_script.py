"""deploy/asgi.sh passes the settings on to the interface server."""

from django.conf import settings

from tests.e2e.stack import ROOT
from tests.test_docs import section

CONFIGURATION = "docs/configuration.md"
SCRIPT = (ROOT / "deploy" / "asgi.sh").read_text()


def test_it_names_the_session_cookie_of_the_settings():
    assert f"--session-cookie {settings.SESSION_COOKIE_NAME} " in SCRIPT


def test_it_hands_on_the_memory_budget_whose_default_is_the_variable_s():
    assert '--memory-budget "${MEMORY_BUDGET:-1G}"' in SCRIPT
    assert "| `MEMORY_BUDGET` | `1G` |" in section(CONFIGURATION, "Environment variables")


def test_it_hands_on_compression_whose_default_is_the_variable_s():
    assert '--compression "${WS_COMPRESSION:-1}"' in SCRIPT
    assert "| `WS_COMPRESSION` | `1` |" in section(CONFIGURATION, "Environment variables")


def test_the_docs_say_how_long_an_anonymous_body_may_be():
    assert "--max-anonymous-upload 262144" in SCRIPT
    assert "Anonymous requests may have bodies of 256 KiB" in section(CONFIGURATION, "Memory")
