"""What Channels 1.1.8 lacks, and what the bridges cover."""

from channels_realtime.doctor import channels_code
from channels_realtime.doctor.rule import Names, Rule, Settings, Who, below

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
