"""What Python 3.11 to 3.13 lacks, and what a project requires or pins."""

from channels_realtime.doctor import django_code
from channels_realtime.doctor.rule import Attributes, Methods, Names, Rule, below

PYTHON = (
    Rule(
        "unicode-method",
        Methods(("__unicode__", "__nonzero__", "__cmp__")),
        "Rename it for Python 3: __str__, __bool__, or __eq__ and __lt__.",
    ),
    Rule("python-2-syntax", None, "Convert it to Python 3, then run this again."),
    Rule(
        "python-2-names",
        django_code.python_2_builtins,
        "Use Python 3's name: str for unicode and basestring, range for xrange, input, chr, int.",
    ),
    Rule(
        "python-2-dicts",
        django_code.python_2_dict_methods,
        "Use items(), keys(), values() or the operator in.",
    ),
    Rule(
        "python-2-modules",
        Names(
            (
                *("BaseHTTPServer", "ConfigParser", "Cookie", "HTMLParser", "Queue", "StringIO"),
                *("__builtin__", "cPickle", "cStringIO", "cookielib", "httplib", "urllib2"),
                *below("urllib", "quote", "quote_plus", "unquote", "urlencode", "urlopen"),
                *("urlparse", "xmlrpclib"),
            )
        ),
        "Import Python 3's module, such as urllib.parse, queue, io or configparser.",
    ),
    Rule(
        "python-modules",
        Names(
            (
                *("asynchat", "asyncore", "crypt", "distutils", "imghdr", "imp", "lib2to3"),
                *("pipes", "smtpd", "sndhdr", "telnetlib"),
                *below(
                    "collections",
                    *("Callable", "Container", "Hashable", "Iterable", "Iterator", "Mapping"),
                    *("MutableMapping", "MutableSequence", "MutableSet", "Sequence", "Set"),
                    "Sized",
                ),
                *below("inspect", "getargspec"),
            )
        ),
        "Replace it: Python 3.11 to 3.13 removed the module or name.",
    ),
    Rule(
        "test-aliases",
        Attributes(
            (
                *("assertDictContainsSubset", "assertEquals", "assertItemsEqual"),
                *("assertNotEquals", "assertRaisesRegexp", "assertRegexpMatches", "assert_"),
                *("failIf", "failUnless"),
            ),
            called=True,
        ),
        "Use the current name, such as assertEqual: Python 3.12 removed the old ones.",
    ),
    Rule(
        "requirement",
        None,
        "Remove the pin or raise it: channels-realtime needs a later version.",
    ),
    Rule(
        "channels-package",
        None,
        "Remove the line: with it, installers choose an old Django or another channels. Install the"
        " package by `python -m channels_realtime install NAME`.",
    ),
    Rule(
        "legacy-pin",
        None,
        "Remove the line: `python -m channels_realtime install` installs what is needed.",
    ),
    Rule("python-version", None, "Choose Python 3.11 to 3.13."),
)
