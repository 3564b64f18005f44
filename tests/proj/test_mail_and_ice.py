"""EMAIL_URL, EMAIL_FROM and ICE_SERVERS."""

import pytest

from proj.environment import Environment, WrongValue


def test_a_mail_server_s_url_becomes_django_s_settings():
    settings = Environment({"EMAIL_URL": "smtp+tls://desk:pass%40word@mail.example"}).EMAIL_URL
    assert settings["EMAIL_HOST"] == "mail.example"
    assert settings["EMAIL_PORT"] == 587
    assert (settings["EMAIL_HOST_USER"], settings["EMAIL_HOST_PASSWORD"]) == ("desk", "pass@word")
    assert settings["EMAIL_USE_TLS"] and not settings["EMAIL_USE_SSL"]
    assert Environment({}).EMAIL_URL == {}


def test_ice_servers_become_rtc_ice_servers():
    text = "stun:stun.example:3478, turn:desk:secret@turn.example:3478?transport=udp"
    assert Environment({"ICE_SERVERS": text}).ICE_SERVERS == [
        {"urls": "stun:stun.example:3478"},
        {
            "urls": "turn:turn.example:3478?transport=udp",
            "username": "desk",
            "credential": "secret",
        },
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("EMAIL_URL", url) for url in ("mail.example", "http://mail.example", "smtp://")),
        *(("EMAIL_FROM", text) for text in ("nobody", "a b@c", "@")),
        *(("ICE_SERVERS", text) for text in ("stun.example", "turn:turn.example", "stun:a b")),
    ],
)
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(WrongValue, match=f"{name} is "):
        Environment({name: value})
