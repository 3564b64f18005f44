"""LOG_FORMAT=json: what one line holds."""

import json
import logging
from datetime import UTC, datetime, timedelta
from io import StringIO
from smtplib import SMTPServerDisconnected

import pytest
import redis
from django.db import OperationalError

from liveblog.models import LiveBlog
from proj.logs import JsonFormatter, JsonHandler, without_needless_traceback


@pytest.fixture
def line(monkeypatch, caplog):
    """Log something and return its line, decoded."""
    monkeypatch.setenv("SUPERVISOR_PROCESS_NAME", "worker_00")

    def log(message, *args, **options):
        logging.getLogger("liveblog.test").error(message, *args, **options)
        text = JsonFormatter().format(caplog.records[-1])
        assert "\n" not in text
        return json.loads(text)

    return log


def test_a_line_has_time_level_logger_message_and_process(line):
    fields = line("%s has ended", "直播")
    assert list(fields) == ["time", "level", "logger", "message", "process"]
    age = datetime.now(UTC) - datetime.fromisoformat(fields.pop("time"))
    assert abs(age) < timedelta(seconds=10)
    assert fields == {
        "level": "ERROR",
        "logger": "liveblog.test",
        "message": "直播 has ended",
        "process": "worker_00",
    }


def test_an_exception_is_a_field_with_its_traceback(line):
    try:
        raise ValueError("spilt milk")
    except ValueError:
        fields = line("It failed", exc_info=True)
    assert fields["exception"].startswith("Traceback")
    assert fields["exception"].endswith("ValueError: spilt milk")


def test_what_else_is_passed_with_a_record_is_not_written(line):
    assert "request" not in line("Forbidden", extra={"request": "<Request of a reader>"})


def test_a_process_that_supervisord_did_not_start_has_no_name(line, monkeypatch):
    monkeypatch.delenv("SUPERVISOR_PROCESS_NAME")
    assert "process" not in line("Hello")


def test_the_handler_of_channels_keeps_its_format():
    handler = JsonHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    assert isinstance(handler.formatter, JsonFormatter)


@pytest.mark.django_db
def test_a_refusal_is_one_line_without_a_traceback(client, django_user_model):
    LiveBlog.objects.create(slug="moon", title="Moon")
    client.force_login(django_user_model.objects.create_user("ann"))
    output = StringIO()
    (handler,) = [each for each in logging.getLogger().handlers if each.get_name() == "stderr"]
    terminal = handler.setStream(output)
    try:
        assert client.get("/liveblog/moon/edit/").status_code == 403
    finally:
        handler.setStream(terminal)
    assert output.getvalue().count("\n") == 1
    assert "Forbidden (Permission denied): /liveblog/moon/edit/" in output.getvalue()


def record_of(error, message, *args):
    return logging.LogRecord(
        "liveblog.test", logging.ERROR, __file__, 1, message, args, (type(error), error, None)
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (redis.ConnectionError("Connection refused"), "Connection refused"),
        (OperationalError("no connection\nLINE 1: SELECT 1"), "no connection"),
        (SMTPServerDisconnected("please run connect() first"), "please run connect() first"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_service_that_is_away_is_one_line_with_the_reason(error, reason):
    record = record_of(error, "%d was not sent.", 7)
    assert without_needless_traceback(record)
    assert logging.Formatter().format(record) == f"7 was not sent: {reason}"


def test_an_error_in_the_code_keeps_its_traceback():
    error = ValueError("spilt milk")
    record = record_of(error, "It failed")
    assert without_needless_traceback(record)
    assert logging.Formatter().format(record) == "It failed\nValueError: spilt milk"
