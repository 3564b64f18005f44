"""Texts: Markdown to safe HTML, and excerpts."""
