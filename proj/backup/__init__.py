"""Backups: one archive with the database, the media files and the secrets.

An archive is a gzipped tar file. Its last member, `manifest.json`, has the size and the SHA-256 of
every other one, so that an incomplete or changed archive is recognised before anything is restored.

    settings.env       the environment variables of the site, and its secret key
    database.sqlite3   SQLite: a copy by the online backup API
    database.sql       PostgreSQL: what pg_dump writes
    media/…            the uploaded files
    manifest.json
"""
