"""The Chinese catalogue: what is to be translated, extracted from the code, and its .mo.

    python -m tests.catalogue

writes new texts into the .po with an empty translation, drops those that nobody uses any more,
and compiles it. tests/test_translations.py holds both files against the code.
"""

from io import BytesIO
from pathlib import Path

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("proj", "consumers", "liveblog", "accounts", "conversations", "ops")
PO = ROOT / "proj" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
HEADER = r"""msgid ""
msgstr ""
"Language: zh_Hans\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: nplurals=1; plural=0;\n"

"""
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def used() -> Catalog:
    """Every text that the code or a template asks gettext for, with the places."""
    catalog = Catalog()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and "migrations" not in path.parts:
                add(catalog, path)
    return catalog


def add(catalog, path):
    text = path.read_text()
    if path.suffix != ".py":
        text = as_python(text)
    for line, message, comments, context in extract(
        "python", BytesIO(text.encode()), KEYWORDS, options={"encoding": "utf-8"}
    ):
        place = (path.relative_to(ROOT).as_posix(), line)
        catalog.add(message, None, [place], auto_comments=comments, context=context)


def as_python(template: str) -> str:
    """A template as Python that asks for the same texts, as makemessages does it."""
    from django.utils.translation.template import templatize

    # Indentation means nothing in a template, but much to Python's tokenizer.
    return "\n".join(line.strip() for line in templatize(template).splitlines())


def translated() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def compiled(catalog: Catalog) -> bytes:
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def renewed() -> Catalog:
    """The catalogue with what is used now: known translations kept, new texts still empty."""
    known, catalog = translated(), Catalog("zh_Hans", fuzzy=False)
    for message in used():
        if message.id:
            before = known.get(message.id, message.context)
            empty = ("",) if message.pluralizable else ""
            places = sorted({(path, None) for path, _line in message.locations})
            text = before.string if before else empty
            catalog.add(message.id, text, places, message.flags, context=message.context)
    return catalog


def main():
    django.setup()
    catalog = renewed()
    with PO.open("wb") as file:
        file.write(HEADER.encode())
        write_po(file, catalog, width=100, include_lineno=False, omit_header=True)
    PO.with_suffix(".mo").write_bytes(compiled(translated()))
    empty = [message.id for message in catalog if message.id and not any(message.string)]
    print(f"{len(catalog)} texts, {len(empty)} without a translation:", *empty, sep="\n")


if __name__ == "__main__":
    main()
