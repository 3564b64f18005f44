"""The catalogue against the code: every text that a user may read has its Chinese one."""

import re
from gettext import GNUTranslations

import pytest

from tests.catalogue import PACKAGES, PO, ROOT, translated, used

CATALOGUE = {(message.context, message.id): message for message in translated() if message.id}
USED = {(message.context, message.id): message for message in used() if message.id}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}|<[^>]+>|\n")
TEMPLATES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("templates/**/*.html")
)
# Words that are the same in every language.
NAMES = {"UTC", "JSON", "Markdown", "HTML"}


def strings(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


def test_the_extraction_finds_texts_of_code_and_of_templates():
    found = {id for _context, id in USED}
    assert {"There is no live blog at this address.", "You are %(me)s", "Live coverage"} <= found


def test_every_text_is_translated():
    missing = [
        (context, id, USED[context, id].locations)
        for context, id in USED
        if (context, id) not in CATALOGUE or not all(strings(CATALOGUE[context, id]))
    ]
    assert missing == [], "run `python -m tests.catalogue`, then translate them in the .po"


def test_no_translation_is_a_guess_or_belongs_to_nothing():
    assert [message.id for message in CATALOGUE.values() if message.fuzzy] == []
    assert set(CATALOGUE) - set(USED) == set()


def test_what_is_filled_in_is_the_same_in_both_languages():
    for message in CATALOGUE.values():
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        for string in strings(message):
            assert sorted(PLACEHOLDER.findall(string)) in [
                sorted(PLACEHOLDER.findall(id)) for id in ids
            ], string


def test_chinese_has_chinese_punctuation():
    wrong = re.compile(r"[\u4e00-\u9fff][,;:?!.()]|[,;:?!()][\u4e00-\u9fff]")
    assert [s for m in CATALOGUE.values() for s in strings(m) if wrong.search(s)] == []


def test_the_compiled_catalogue_is_that_of_the_text():
    with PO.with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    for (context, id), message in CATALOGUE.items():
        if isinstance(id, tuple):
            said = compiled.ngettext(*id, 2)
        else:
            said = compiled.pgettext(context, id) if context else compiled.gettext(id)
        assert said == strings(message)[0], "run `python -m tests.catalogue`"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_words_outside_of_translations(path):
    no_text = (
        r"{%\s*blocktranslate.*?endblocktranslate\s*%}|{% block body_class %}.*?{% endblock %}"
    )
    text = re.sub(no_text, "", path.read_text(), flags=re.S)
    text = re.sub(r"<(style|textarea).*?</\1>|{#.*?#}|{%.*?%}|{{.*?}}", "", text, flags=re.S)
    said = re.findall(r'(?:title|alt|placeholder|aria-label|data-say-\w+)="([^"]*)"', text)
    said.append(re.sub(r"<[^>]*>", " ", text))
    words = set(re.findall(r"[A-Za-z]{2,}", " ".join(said)))
    assert words - NAMES == set()
