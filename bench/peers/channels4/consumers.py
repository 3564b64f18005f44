"""The two conversations that are measured."""

from channels.generic.websocket import AsyncWebsocketConsumer


class BlogConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.group = f"liveblog-{self.scope['url_route']['kwargs']['slug']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def broadcast(self, event):
        await self.send(text_data=event["text"])


class EchoConsumer(AsyncWebsocketConsumer):
    """The reply goes through the channel layer, as it must when another process works it out."""

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.send(self.channel_name, {"type": "reply", "text": text_data})

    async def reply(self, event):
        await self.send(text_data=event["text"])
