import os

from channels.routing import route

from small import consumers

channel_routing = [
    route("websocket.connect", consumers.tool_connect, path=r"^/tool/$"),
    route("websocket.receive", consumers.tool_receive, path=r"^/tool/$"),
    route("websocket.disconnect", consumers.write_disconnect, path=r"^/tool/$"),
    route("websocket.connect", consumers.group_connect, path=r"^/group/(?P<name>\w+)/$"),
    route("websocket.receive", consumers.tool_receive, path=r"^/group/\w+/$"),
    route("websocket.disconnect", consumers.write_disconnect, path=r"^/group/\w+/$"),
    route("websocket.connect", consumers.shared_connect, path=r"^/shared/(?P<name>\w+)/$"),
    route("websocket.connect", consumers.public_connect, path=r"^/public/(?P<name>\w+)/$"),
    route("websocket.connect", consumers.unshared_connect, path=r"^/unshared/(?P<name>\w+)/$"),
    route("websocket.connect", consumers.remembering_connect, path=r"^/remember/(?P<name>\w+)/$"),
    route("websocket.connect", consumers.two_groups_connect, path=r"^/two/(?P<name>\w+)/$"),
    route("websocket.receive", consumers.tool_receive, path=r"^/(?:shared|public)/\w+/$"),
    route("websocket.disconnect", consumers.write_disconnect, path=r"^/(?:shared|public)/\w+/$"),
    route("websocket.connect", consumers.undecided_connect, path=r"^/undecided/$"),
    route("websocket.disconnect", consumers.write_disconnect, path=r"^/undecided/$"),
    route("websocket.connect", consumers.ordered_connect, path=r"^/ordered/$"),
    route("websocket.receive", consumers.ordered_receive, path=r"^/ordered/$"),
    route("websocket.connect", consumers.eager_connect, path=r"^/eager/$"),
    route("websocket.receive", consumers.ordered_receive, path=r"^/eager/$"),
    route("websocket.connect", consumers.accept_and_fail, path=r"^/fragile/$"),
    route("websocket.receive", consumers.ordered_receive, path=r"^/fragile/$"),
    route("websocket.disconnect", consumers.fail_at_disconnect, path=r"^/fragile/$"),
    route("websocket.connect", consumers.session_connect, path=r"^/session/$"),
    route("websocket.receive", consumers.session_receive, path=r"^/session/$"),
    route("websocket.disconnect", consumers.session_disconnect, path=r"^/session/$"),
    route("http.request", consumers.endless_response, path=r"^/endless/$"),
    route("http.request", consumers.held_response, path=r"^/held/$"),
    route("careful", consumers.careful),
    route("numbers", consumers.write_number),
    route("picky", consumers.write_number, number=r"^1$"),
]
if "SMALL_NEWER" in os.environ:
    channel_routing += [route("newer", consumers.write_number)]
