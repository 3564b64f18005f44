"""The tests of the product. The transport's own are in packages/channels-realtime/tests."""

import sys
from pathlib import Path

# The harness starts real Redis servers, workers and interface servers for both.
HARNESS = Path(__file__).resolve().parent.parent / "packages" / "channels-realtime" / "tests"
sys.path.append(str(HARNESS))
