"""Real servers and projects for the tests of the transport, and of what is built on it."""
