"""Teams: who may write in one live blog, and how people are invited into it."""
