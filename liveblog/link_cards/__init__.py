"""Cards in place of links that are alone in a paragraph: what they show is fetched and kept."""
