"""Video and audio: upload in parts, removal of metadata, storage, players."""
