"""The chat room of consumers/chat.py as a class: the same rooms, the same rules."""

from channels.generic.websockets import JsonWebsocketConsumer
from django.utils.decorators import method_decorator

from consumers.chat import enter, hear
from consumers.refusals import reply, same_origin_only
from consumers.translation import in_their_language
from conversations.chat.room import chat_group
from conversations.json_text import BadMessage, parse
from conversations.rooms.names import is_room_name


class ChatConsumer(JsonWebsocketConsumer):
    """Routed with route_class. Its methods are what the functions' ws_… are."""

    http_user = True  # as @channel_session_user_from_http
    strict_ordering = True  # as @enforce_ordering

    def __init__(self, message, **kwargs):
        if message.channel.name == "websocket.connect":
            same_origin_only(message)
            message.content["query_string"] = b""
        super().__init__(message, **kwargs)

    def connection_groups(self, room_name):
        return [chat_group(room_name).name] if is_room_name(room_name) else []

    @method_decorator(in_their_language)
    def connect(self, message, room_name):
        if enter(message, room_name):
            super().connect(message, room_name=room_name)

    @method_decorator(in_their_language)
    def raw_receive(self, message, room_name):
        try:
            self.receive(parse(message.get("text")), room_name=room_name)
        except BadMessage as bad:
            reply(message, bad.frame)

    def receive(self, content, room_name):
        hear(self.message, room_name, content)
