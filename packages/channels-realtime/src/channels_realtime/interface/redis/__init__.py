"""The interface server's connections to Redis: what it sends to workers, what they send back."""
