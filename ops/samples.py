"""One look at all processes: what /ops/ draws."""

import time

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from channels_realtime.metrics.counters import processes, queues

GROUP = "ops"
SHOWN_LETTERS = 20  # dead letters that the page lists
EVERY = 1.0  # s between two looks, however many pages ask


def fresh_sample():
    """A sample, or None where any worker has taken one within EVERY seconds."""
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    key = f"{layer.prefix}:ops-sample"
    if layer.ring[layer.home(key)].client.set(key, 1, nx=True, px=int(1000 * EVERY)):
        return sample()
    return None


def sample() -> dict:
    """`processes`: name -> sockets; deliveries, drops since it started; the second in which it
    published them; `queues`: channel -> waiting, age in s; `dead_letters`: how many there are, and
    the newest with time, channel and reason; `time` in s by the server's clock."""
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    return {
        "type": "sample",
        "time": time.time(),
        "processes": {
            name: {
                "sockets": snapshot["values"].get("sockets", 0),
                "deliveries": snapshot["values"].get("frames_sent", 0),
                "drops": sum(snapshot["drops"].values()),
                "published": snapshot["published"],
            }
            for name, snapshot in processes(layer).items()
        },
        "queues": {
            name: {
                "waiting": statistics["messages_pending"],
                "age": max(0.0, statistics["messages_max_age"]),
            }
            for name, statistics in queues(layer, layer.router.channels).items()
        },
        "dead_letters": {
            "number": layer.acknowledgements.count_dead_letters(),
            "newest": [
                {"time": letter.time, "channel": letter.channel, "reason": letter.reason}
                for letter in layer.acknowledgements.dead_letters(SHOWN_LETTERS)
            ],
        },
    }
