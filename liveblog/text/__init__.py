"""Texts: Markdown to safe HTML, and what is taken out of it."""
