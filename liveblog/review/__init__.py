"""Drafts that wait for an editor: notes between their author and editors, and sending them back."""
