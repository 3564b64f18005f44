"""Publishes as a Channels 4 project does: group_send. Usage: channels4 REDIS_URL GROUP SIZE"""

import asyncio
import sys

from channels_redis.pubsub import RedisPubSubChannelLayer

from bench.publishers.serve import serve


def main(redis_url, group, size):
    layer = RedisPubSubChannelLayer(hosts=[redis_url])

    async def send_all(texts):
        for text in texts:
            await layer.group_send(group, {"type": "broadcast", "text": text})

    with asyncio.Runner() as runner:
        serve(lambda texts: runner.run(send_all(texts)), size)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
