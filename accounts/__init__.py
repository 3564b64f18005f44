"""The user's balance and its low-balance notice."""
