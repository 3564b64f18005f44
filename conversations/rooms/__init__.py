"""Rooms by name, and rooms whose messages have an envelope."""
