"""The one map: channel and path -> consumer."""

from channels.routing import include, route

from consumers import liveblog, nowhere

liveblog_routing = [
    route("websocket.connect", liveblog.ws_connect, path=r"^(?P<slug>[-a-zA-Z0-9_]{1,80})/$"),
    route("websocket.receive", liveblog.ws_receive, path=r"^(?P<slug>[-a-zA-Z0-9_]{1,80})/$"),
    route("websocket.disconnect", liveblog.ws_disconnect, path=r"^(?P<slug>[-a-zA-Z0-9_]{1,80})/$"),
]

channel_routing = [
    include(liveblog_routing, path=r"^/channel/liveblog/"),
    route("websocket.connect", nowhere.ws_connect),
    route("websocket.receive", nowhere.ws_receive),
    route("websocket.disconnect", nowhere.ws_disconnect),
]
