"""What readers see: pages, feeds, metadata, embedding and export."""
