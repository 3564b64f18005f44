"""The chat room of consumers/chat.py as a class: the same rooms, the same rules."""

from channels.generic.websockets import JsonWebsocketConsumer
from channels.message import Message

from consumers.chat import admit, asked_after, handle
from consumers.refusals import hide_query, reply, same_origin_only, sending_refusals
from consumers.translation import language_of_socket
from conversations.chat.history import history_frame
from conversations.chat.room import chat_group
from conversations.json_text import parse
from conversations.rooms.names import is_room_name


class ChatConsumer(JsonWebsocketConsumer):
    """Routed with route_class. `connect` and `raw_receive` are like ws_connect and ws_receive."""

    http_user = True  # as @channel_session_user_from_http
    strict_ordering = True  # as @enforce_ordering

    def __init__(self, message: Message, **kwargs: object) -> None:
        if message.channel.name == "websocket.connect":
            same_origin_only(message)
            hide_query(message)
        super().__init__(message, **kwargs)

    def connection_groups(self, room_name: str) -> list[str]:
        return [chat_group(room_name).name] if is_room_name(room_name) else []

    def connect(self, message: Message, room_name: str) -> None:
        with language_of_socket(message), sending_refusals(message):
            admit(message, room_name)
            super().connect(message, room_name=room_name)
            if (after := asked_after(message)) is not None:
                reply(message, history_frame(room_name, after))

    def raw_receive(self, message: Message, room_name: str) -> None:
        with language_of_socket(message), sending_refusals(message):
            self.receive(parse(message.get("text")), room_name=room_name)

    def receive(self, content: object, room_name: str) -> None:
        handle(self.message, room_name, content)
