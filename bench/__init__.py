"""The benchmark: this live blog beside its peers, in one run, under one load client."""
