"""Forms as a browser sends them: what a page's form shows, and what is typed into it."""

from html.parser import HTMLParser

from django.http import HttpResponse
from django.test import Client


def is_sent(attributes: dict[str, str | None]) -> bool:
    kind = attributes.get("type")
    if kind in ("checkbox", "radio"):
        return "checked" in attributes
    return kind not in ("submit", "button", "file")


class Fields(HTMLParser):
    """Collects the fields of a page's forms that a browser would send."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.area = self.select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        name = found.get("name") or ""
        if tag == "textarea":
            self.area = name
            self.values[name] = ""
        elif tag == "select":
            self.select = name
        elif tag == "option" and "selected" in found and self.select:
            self.values[self.select] = found.get("value") or ""
        elif tag == "input" and name and is_sent(found):
            self.values[name] = found.get("value") or "on" * (found.get("type") == "checkbox")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = ""
        elif tag == "select":
            self.select = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            # HTML drops the line end behind the tag, and browsers send two characters for each.
            before = self.values[self.area]
            data = data if before else data.removeprefix("\r\n").removeprefix("\n")
            self.values[self.area] = before + data.replace("\r\n", "\n").replace("\n", "\r\n")


class OpenForm:
    """A form of the admin that somebody has open in a browser."""

    def __init__(self, client: Client, address: str) -> None:
        self.client, self.address = client, address
        self.take(client.get(address))

    def take(self, response: HttpResponse) -> None:
        self.page = response.content.decode()
        fields = Fields(self.page).values
        # The page has others, which change its language or log out.
        self.fields = {n: v for n, v in fields.items() if n not in ("csrfmiddlewaretoken", "next")}

    def type(self, **values: str) -> "OpenForm":
        self.fields |= values
        return self

    def untick(self, name: str) -> "OpenForm":
        self.fields.pop(name, None)
        return self

    def save(self) -> bool:
        """Send it. Whether it was saved; where not, the form is then what came back."""
        response = self.client.post(self.address, self.fields)
        if response.status_code == 302:
            return True
        assert response.status_code == 200
        self.take(response)
        return False
