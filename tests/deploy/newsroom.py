"""An editor who posts continuously."""

import subprocess
import sys
from typing import Self

from harness.waiting import PATIENCE

from tests.e2e.stack import Stack

POST = """
import select, sys
from liveblog.models import BlogUpdate, LiveBlog

blog = LiveBlog.objects.get()
while not select.select([sys.stdin], [], [], 0.2)[0]:
    BlogUpdate.objects.create(blog=blog, body="Still here")
blog.refresh_from_db()
print(blog.revision)
"""


class Newsroom:
    """Posts five times per second while the context lasts; `head` is then the blog's revision."""

    def __init__(self, site: Stack) -> None:
        self.site = site

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--no-imports", "-v0", "-c", POST],
            cwd=self.site.root,
            env=self.site.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        output, _ = self.process.communicate("end\n", timeout=PATIENCE)
        assert self.process.returncode == 0
        self.head = int(output)
