"""What the conversations beside the live blog share: rooms, limits, moderation, pages."""
