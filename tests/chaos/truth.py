"""Reads the database independently of the product and checks its invariants."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from harness.waiting import PATIENCE
from psycopg.rows import dict_row

Row = dict[str, Any]
Query = Callable[..., list[Row]]  # (sql with %s, *values) -> rows


class SQLite:
    """The SQLite file of a stack. Only lock() writes to it."""

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "db.sqlite3"

    def __call__(self, sql: str, *values: object) -> list[Row]:
        address = f"file:{self.path}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as base:
            base.row_factory = sqlite3.Row
            return [dict(row) for row in base.execute(sql.replace("%s", "?"), values)]

    def lock(self) -> closing[sqlite3.Connection]:
        """Begin a transaction that blocks all other writers until close()."""
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=PATIENCE)
        connection.execute("BEGIN IMMEDIATE")
        return closing(connection)


class Postgres:
    """A PostgreSQL; `connect` opens a connection that faults do not affect."""

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self.connect = connect

    def __call__(self, sql: str, *values: object) -> list[Row]:
        with closing(self.connect()) as base, base.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(sql, values).fetchall()  # type: ignore[arg-type]


class Truth:
    """A blog in the database."""

    def __init__(self, query: Query, slug: str) -> None:
        self.query, self.slug = query, slug

    def blog(self) -> Row:
        [row] = self.query("SELECT * FROM liveblog_liveblog WHERE slug = %s", self.slug)
        return row

    def updates(self) -> list[Row]:
        return self.query(
            "SELECT u.* FROM liveblog_blogupdate u JOIN liveblog_liveblog b ON b.id = u.blog_id "
            "WHERE b.slug = %s",
            self.slug,
        )

    def page(self) -> dict[str, Any]:
        """{revision, title, rows} as a complete and current page shows them.

        `created`: id -> time of creation, including tombstones.
        """
        # The head first: after a change in between, no reader matches and the check is repeated.
        blog, updates = self.blog(), self.updates()
        rows = [
            {
                "id": row["id"],
                "revision": row["revision"],
                "created": timestamp(row["created"]),
                "pinned": bool(row["pinned"]),
                "content": f"<p>{row['body']}</p>",
                "text": row["body"],
            }
            for row in updates
            if not row["deleted"] and not row["draft"]
        ]
        rows.sort(key=lambda row: (row["pinned"], row["created"], row["id"]), reverse=True)
        created = {row["id"]: timestamp(row["created"]) for row in updates}
        return {
            "revision": blog["revision"],
            "title": blog["title"],
            "rows": rows,
            "created": created,
        }

    def overdue(self) -> int:
        """The number of scheduled updates that are due but not published."""
        rows = self.query(
            "SELECT publish_at FROM liveblog_blogupdate "
            "WHERE draft AND NOT deleted AND publish_at IS NOT NULL"
        )
        now = timestamp(datetime.now(UTC))
        return sum(timestamp(row["publish_at"]) <= now for row in rows)

    def violations(self, acks: list[Row], titles: list[Row]) -> list[str]:
        """Sentences about lost or duplicate writes and gaps in the revisions."""
        rows = {row["id"]: row for row in self.updates()}
        found = [sentence for ack in acks if (sentence := broken(ack, rows))]
        for name, values in (
            ("creation", Counter(row["body"].split()[0] for row in rows.values())),
            ("key", Counter(ack["ack"]["key"] for ack in acks)),
            ("revision", Counter(row["revision"] for row in rows.values() if row["revision"])),
        ):
            found += [f"{name} {value} exists {n} times" for value, n in values.items() if n > 1]
        taken = {ack["ack"]["version"] for ack in acks if ack["ack"]["action"] in TAKING}
        taken |= {title["revision"] for title in titles}
        taken |= {row["created_revision"] for row in rows.values()}
        taken |= {row["revision"] for row in rows.values()}
        missing = set(range(1, self.blog()["revision"] + 1)) - taken
        # A title has no key: if its response is lost, it is written again.
        if len(missing) > len(titles):
            found.append(f"revisions that were not reported: {sorted(missing)[:20]}")
        return found


TAKING = {"created", "changed", "deleted"}


def broken(ack: Row, rows: dict[int, Row]) -> str | None:
    """A sentence if the database does not contain the acknowledged write, else None."""
    done, sent = ack["ack"], ack["sent"]
    row = rows.get(done["id"])
    if row is None:
        return f"update {done['id']} was acknowledged but is missing"
    if done["action"] == "deleted" and not row["deleted"]:
        return f"update {done['id']} was deleted but exists"
    if done["version"] <= 0 or done["action"] == "deleted":
        return None
    if (row["revision"] or 0) < done["version"]:
        return f"update {done['id']}: revision {row['revision']}, acknowledged {done['version']}"
    if row["revision"] == done["version"] and row["body"] != sent["body"]:
        return f"update {done['id']} holds {row['body']!r}, not {sent['body']!r}"
    return None


def timestamp(moment: str | datetime) -> str:
    """A time in the format of frames. SQLite stores it as text."""
    if isinstance(moment, datetime):
        moment = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    text = moment
    return f"{text.replace(' ', 'T'):.23}".ljust(19, ".").ljust(23, "0") + "Z"
