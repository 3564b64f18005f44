"""The code of the systems under test, where it is ours to write."""
