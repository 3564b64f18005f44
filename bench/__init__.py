"""The benchmark of `make bench`: this live blog beside its peers, in one run on one machine."""

import sys
from pathlib import Path

# The harness of the tests starts processes for the benchmark as well.
PACKAGE = Path(__file__).resolve().parent.parent / "packages" / "channels-realtime"
sys.path.append(str(PACKAGE / "tests"))
