"""For what works on our channel layers only: one sentence where another one is configured."""

from asgiref.base_layer import BaseChannelLayer

from channels_realtime.layer.channel_layer import Transport


class UnsupportedLayer(Exception):
    """Something needs a layer of this package, and the project has another one.

    Args:
        user: what needs it, as the beginning of a sentence.
        layer: the layer that the project has.
        instead: what the owner of the project may do otherwise, to follow "or".
    """

    exit_code = 2  # as for a wrong argument: no supervisor should start it again

    def __init__(self, user: str, layer: BaseChannelLayer, instead: str = "") -> None:
        super().__init__(user, layer, instead)
        self.user, self.layer, self.instead = user, layer, instead

    def __str__(self) -> str:
        found = type(self.layer)
        otherwise = f", or {self.instead}" if self.instead else ""
        return (
            f"{self.user} needs the channel layer of channels_realtime, not {found.__module__}."
            f"{found.__qualname__}: set BACKEND to 'channels_realtime.layer.RedisChannelLayer' in"
            f" CHANNEL_LAYERS{otherwise}."
        )


def require_transport(layer: BaseChannelLayer, user: str, instead: str = "") -> Transport:
    """The layer, where it is one of this package. Otherwise raises UnsupportedLayer."""
    if not isinstance(layer, Transport):
        raise UnsupportedLayer(user, layer, instead)
    return layer
