"""CONSUMER_TIMEOUT: a number of seconds, and others by channel."""

import pytest
from channels_realtime.worker import timeouts
from channels_realtime.worker.timeouts import DEFAULT, ConsumerTimeouts
from django.test import override_settings


def test_a_channel_has_the_limit_of_the_first_pattern_that_matches():
    found = timeouts.parse("30, mail.send=300,http.*=0,http.request=5")
    names = ("websocket.receive", "mail.send", "http.request", "mail.sender")
    assert [found.of(name) for name in names] == [30, 300, 0, 30]


def test_channels_alone_leave_the_default():
    assert timeouts.parse("mail.send=300").default == DEFAULT


@pytest.mark.parametrize("text", ["soon", "-1", "0.5", "60,70", "a=1,a=2", "=5", "a=", "nan"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        timeouts.parse(text)


@pytest.mark.parametrize(
    ("setting", "default"), [(20, 20), ("20,a=1", 20), (ConsumerTimeouts(20), 20), (None, 7)]
)
def test_the_setting_comes_before_the_variable(monkeypatch, setting, default):
    monkeypatch.setenv("CONSUMER_TIMEOUT", "7")
    with override_settings(CONSUMER_TIMEOUT=setting):
        assert timeouts.configured().default == default


def test_a_wrong_value_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setenv("CONSUMER_TIMEOUT", "soon")
    with (
        override_settings(CONSUMER_TIMEOUT=None),
        pytest.raises(ValueError, match="'soon' is not allowed: CONSUMER_TIMEOUT is seconds"),
    ):
        timeouts.configured()
