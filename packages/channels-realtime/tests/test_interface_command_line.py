"""What `python -m channels_realtime.interface` refuses, in one sentence and with exit code 2."""

import pytest
from channels_realtime.interface.command_line import Interface, read_options
from channels_realtime.interface.proxy import TrustedProxies


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere:layer"], "'nowhere:layer' names no channel layer"),
        (["proj.asgi:nothing"], "'proj.asgi:nothing' names no channel layer"),
        (["proj.asgi"], "'proj.asgi' names no channel layer"),
        (["proj.asgi:channel_layer", "--drain", "-5"], "--drain: -5 is less than 0"),
        (["proj.asgi:channel_layer", "--drain", "nan"], "--drain: nan is less than 0"),
        (["proj.asgi:channel_layer", "--max-message", "0"], "--max-message: 0 is less than 1"),
        (["proj.asgi:channel_layer", "--compression", "2"], "--compression: 2 is not 0 or 1"),
        (["proj.asgi:channel_layer", "--max-upload", "much"], "invalid int value: 'much'"),
        (
            ["proj.asgi:channel_layer", "--memory-budget", "much"],
            "--memory-budget: much is no number of bytes such as 512M or 2G",
        ),
        (
            ["proj.asgi:channel_layer", "--memory-budget", "1M", "--max-upload", "50000"],
            "--memory-budget: 1048576 bytes are too few for --max-message 1048576",
        ),
        (
            ["proj.asgi:channel_layer", "--max-upload", "100000000"],
            "are too few for --max-upload 100000000: 2400000000 are needed",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_listened_on(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as end:
        Interface().run(arguments)
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--force-sync"], "--force-sync has no effect"),
        (["--trusted-hops", "2"], "--trusted-hops has no effect without --proxy-headers"),
        (["--session-cookie", "id"], "--session-cookie has no effect without --max-anonymous"),
        (["--trusted-hops", "2", "--proxy-headers"], None),
        (["--session-cookie", "id", "--max-anonymous-upload", "9"], None),
    ],
)
def test_an_option_that_does_nothing_is_logged(arguments, sentence, caplog):
    with pytest.raises(SystemExit):
        Interface().run(["nowhere:layer", *arguments])
    messages = [record.getMessage() for record in caplog.records]
    assert [sentence in message for message in messages] == [True] * bool(sentence)


def test_a_module_that_cannot_be_imported_for_another_reason_shows_it(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nothing_of_this_name"):
        Interface().run(["broken:layer"])


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ([], "endpoints", ("tcp:port=8000:interface=127.0.0.1:backlog=4096",)),
        (["-p", "80"], "endpoints", ("tcp:port=80:interface=127.0.0.1:backlog=4096",)),
        (["-e", "fd:fileno=0"], "endpoints", ("fd:fileno=0",)),
        ([], "websocket_timeout", -1),
        (["--websocket_timeout", "60"], "websocket_timeout", 60),
        (["--websocket_handshake_timeout", "9"], "websocket_connect_timeout", 9),
        ([], "max_anonymous_upload", 10 << 20),
        (["--max-upload", "5"], "max_anonymous_upload", 5),
        (["--max-anonymous-upload", "3"], "max_anonymous_upload", 3),
        ([], "compression", True),
        (["--compression", "0"], "compression", False),
        (["--trusted-hops", "2"], "proxies", TrustedProxies(0)),
        (["--trusted-hops", "2", "--proxy-headers"], "proxies", TrustedProxies(2)),
    ],
)
def test_options_depend_on_others_and_have_defaults(arguments, name, value):
    parsed = Interface().parser.parse_args([*arguments, "proj.asgi:channel_layer"])
    assert getattr(read_options(parsed), name) == value
