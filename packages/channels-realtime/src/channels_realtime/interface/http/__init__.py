"""HTTP requests on their way to workers, and their responses."""
