"""A channel layer of the project's own, with the signatures of Channels' specification."""

from channels_realtime.layer import RedisChannelLayer


class SigningLayer(RedisChannelLayer):
    """Every text says which way it went."""

    def send(self, channel, message):
        if "text" in message and "!" in channel:
            message = {**message, "text": message["text"] + " (sent)"}
        super().send(channel, message)

    def send_group(self, group, message):
        super().send_group(group, {**message, "text": message["text"] + " (to all)"})
