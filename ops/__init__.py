"""What an operator sees and what a release asks: the page /ops/, and which worker answers."""
