"""A small Channels 1.x project on the packages as they come."""
