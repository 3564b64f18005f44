"""What `channels_realtime` offers, and when it imports the legacy packages."""

import channels_realtime
from test_compat import run_python


def test_the_package_imports_no_legacy_package_before_install():
    done = run_python(
        "import sys, channels_realtime\n"
        "loaded = {'channels', 'asgi_redis', 'daphne', 'django'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "channels_realtime.install()\n"
        "channels_realtime.RedisChannelLayer, channels_realtime.close_codes.FLOOD\n"
    )
    assert done.returncode == 0, done.stderr


def test_every_public_name_exists():
    assert [
        name for name in channels_realtime.__all__ if not hasattr(channels_realtime, name)
    ] == []
    assert not hasattr(channels_realtime, "another_name")
