"""Publishes with Redis PUBLISH. Usage: redis_publish PORT CHANNEL SIZE"""

import sys

from bench.publishers.serve import serve
from bench.redis_client import RedisClient


def main(port, channel, size):
    redis = RedisClient(port)

    def publish(texts):
        for text in texts:
            redis.execute("PUBLISH", channel, text)

    serve(publish, size)


main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
