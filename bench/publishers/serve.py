"""What all publishers share: a count a line on stdin, the time of the publishing on stdout."""

import itertools
import json
import sys
import time

from bench.messages import payload


def serve(publish, payload_size):
    """Publish as stdin asks, until it ends.

    Each line is a number of messages; `publish(texts)` gets the list of them. The answer is one
    JSON line: `first`, when publishing began, and `last`, when the server had taken all of them, in
    seconds of the machine's monotonic clock, which the load client reads too.
    """
    sequence = itertools.count(1)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        texts = [payload(next(sequence), payload_size) for _ in range(int(line))]
        first = time.monotonic()
        publish(texts)
        print(json.dumps({"first": first, "last": time.monotonic()}), flush=True)
