"""Pictures: upload, processing, storage."""
