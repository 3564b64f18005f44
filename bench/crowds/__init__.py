"""Crowds: silent ones, the largest that a machine holds, and ones on a bad network."""
