"""The documentation says what the code does: its lists are compared with the code."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from channels.message import Message
from channels_realtime import close_codes, compat
from channels_realtime.interface.command_line import OPTIONS
from channels_realtime.management.commands.runworker import Command as Runworker
from channels_realtime.metrics.latency import BOUNDS, STAGES
from channels_realtime.metrics.prometheus import COUNTERS, GAUGES, Snapshot
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from prometheus_client import CollectorRegistry, generate_latest

from consumers import not_found, raw
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import blog_frame, ended_frame, pulse_frame
from proj.environment import VARIABLES
from routing import channel_routing

ROOT = Path(__file__).resolve().parent.parent
TRANSPORT = "packages/channels-realtime/README.md"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (
        *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", TRANSPORT)),
        ROOT / "bench" / "README.md",
        *ROOT.glob("docs/*.md"),
    )
}
EVERYTHING = "\n".join(PAGES.values())
GENERATED = "bench/results/results.md"  # the one page with measured figures
NOT_OURS = {".git", ".venv", "var", "node_modules", "__pycache__", ".hypothesis"}
NOT_OURS |= {".mypy_cache", ".pytest_cache", ".ruff_cache"}


def section(page: str, heading: str) -> str:
    """The text of a page below a heading, up to the next of its level. `page`: a key of PAGES."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", PAGES[page], re.M)
    assert found, f"{page} has no heading {heading!r}"
    rest = PAGES[page][found.end() :]
    return re.split(rf"^#{{1,{len(found[1])}}} ", rest, maxsplit=1, flags=re.M)[0]


def first_column(text: str) -> list[str]:
    """What stands in backquotes in the first cell of the rows of the text's tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall("`([^`]+)`", cell)]


def rows(text: str) -> dict[str, str]:
    """The second cell of each row of the text's tables, by the name in the first cell."""
    lines = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    return {line[1].strip(" `"): line[2] for line in lines}


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


# Settings and commands


def test_the_environment_table_is_that_of_the_code():
    text = section("docs/configuration.md", "Environment variables")
    assert [line for line in text.splitlines() if line.startswith("| `")] == [
        f"| `{v.name}` | {f'`{v.default}`' if v.default else 'unset'} | {v.help} |"
        for v in VARIABLES
    ]


def test_make_targets_that_are_named_exist_and_all_are_documented():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    documented = {name.split()[1] for name in first_column(section("docs/commands.md", "make"))}
    assert documented == targets
    assert set(re.findall(r"`make ([a-z]+)", EVERYTHING)) <= targets


def test_management_commands_that_are_named_exist_and_ours_are_documented():
    commands = get_commands()
    assert set(re.findall(r"manage\.py ([a-z_]+)", EVERYTHING)) <= set(commands)
    apps = ("liveblog", "conversations", "accounts", "channels_realtime", "consumers", "ops")
    ours = {name for name, app in commands.items() if app in (*apps, "proj")}
    documented = first_column(section("docs/commands.md", "manage.py"))
    assert ours <= {name.split()[1] for name in documented if name.startswith("manage.py")}


def test_options_of_the_interface_server_are_documented():
    options = {name for name, *_ in OPTIONS}
    text = section(TRANSPORT, "Options").split("`runworker`:")[0]
    assert set(first_column(text)) == options
    assert set(re.findall("`(--[a-z-]+)`", section("docs/security.md", "Bad input"))) <= options


def test_the_stages_of_latency_are_documented():
    assert first_column(section("docs/operations.md", "Latency")) == list(STAGES)


def test_the_dashboard_draws_metrics_and_stages_that_exist():
    empty = {"counts": [0] * (len(BOUNDS) + 1), "seconds": 0.0}
    report = {"values": dict.fromkeys((*GAUGES, *COUNTERS), 0), "drops": {"any": 0}, "times": {}}
    report |= {"latencies": dict.fromkeys(STAGES, empty)}
    registry = CollectorRegistry()
    registry.register(Snapshot({"any": report}, {}, 0, {}))
    exposed = set(re.findall(r"^# TYPE (\w+)", generate_latest(registry).decode(), re.M))
    expressions = re.findall(r'"expr": "(.*)"', (ROOT / "docs" / "grafana.json").read_text())
    drawn = {name for text in expressions for name in re.findall(r"realtime_\w+", text)}
    assert len(expressions) > 6
    assert {name.removesuffix("_bucket") for name in drawn} <= exposed
    chosen = re.findall(r'stage=~\\"(.*?)\\"', "".join(expressions))
    assert {stage for stages in chosen for stage in stages.split("|")} == set(STAGES)


def test_options_of_the_worker_exist():
    text = section(TRANSPORT, "Options").split("`runworker`:")[1].split("\n\n")[1]
    parser = Runworker().create_parser("manage.py", "runworker")
    known = {option for action in parser._actions for option in action.option_strings}
    named = {name.split()[0] for name in first_column(text)}
    assert named and named <= known


# Addresses and frames


def documented_addresses() -> list[str]:
    return first_column(PAGES["docs/addresses.md"].split("\n## ")[0])


def test_documented_addresses_resolve():
    assert len(documented_addresses()) > 20
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    for address in documented_addresses():
        path = re.sub("<.*?>", "demo", address.replace("<id>", "1"))
        request = Message({"path": path}, "http.request", layer)
        if layer.router.match(request) != (raw.http_request, {}):  # the others go to Django
            resolve(path)


def paths_of(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    """The paths of all views, without those of Django's admin."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path
        elif path != "/admin/":
            yield from paths_of(entry, path)


def test_every_address_is_documented():
    documented = {re.sub("<.*?>", "<>", address) for address in documented_addresses()}
    paths = list(paths_of(get_resolver()))
    assert [path for path in paths if re.sub("<.*?>", "<>", path) not in documented] == []


def documented_websocket_paths() -> list[str]:
    return first_column(section("docs/protocol.md", "Paths"))


def test_documented_websocket_paths_have_a_consumer():
    assert documented_websocket_paths()
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    for path in documented_websocket_paths():
        content = {"path": re.sub("<.*?>", "demo", path)}
        consumer, _ = layer.router.match(Message(content, "websocket.connect", layer))
        assert getattr(consumer, "__wrapped__", consumer) is not not_found.ws_connect, path


def test_every_websocket_path_is_documented():
    paths = [re.sub("<.*?>", "demo", path) for path in documented_websocket_paths()]
    patterns = {route.filters["path"] for route in channel_routing if "path" in route.filters}
    conversations = {each for each in patterns if "/channel/" in each.pattern}
    assert conversations
    assert [p.pattern for p in conversations if not any(map(p.match, paths))] == []


def fields_of(frame: str) -> set[str]:
    cell = rows(section("docs/protocol.md", "Frames of a live blog"))[frame]
    return set(re.findall("`([^`]+)`", cell)) | {"type"}


@pytest.mark.django_db
def test_the_fields_of_frames_are_those_that_are_sent(client):
    blog = LiveBlog.objects.create(slug="fields", title="Fields")
    BlogUpdate.objects.create(blog=blog, body="One")
    replay = client.get("/liveblog/fields/updates.json?after=0").json()
    assert fields_of("replay") == set(replay) | {"head"}
    assert fields_of("update") == set(replay["updates"][0])
    assert fields_of("blog") == set(blog_frame(blog))
    assert fields_of("pulse") == set(pulse_frame(1, 1, 2.0))
    assert fields_of("ended") == set(ended_frame(1))


def test_the_close_codes_are_those_of_the_code():
    codes = {value for value in vars(close_codes).values() if isinstance(value, int)}
    text = section("docs/protocol.md", "Close codes")
    assert {int(code) for code in re.findall(r"^\| (\d{4}) \|", text, re.M)} == codes


# Architecture


def test_every_dependency_has_its_reason():
    lines = (ROOT / "requirements.in").read_text().splitlines()
    names = [re.match(r"[\w-]+", line)[0] for line in lines if line and line[0] != "#"]
    assert sorted(first_column(section("ARCHITECTURE.md", "Dependencies"))) == sorted(names)


def test_what_the_tests_need_is_pinned():
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    named = first_column(section("ARCHITECTURE.md", "The tests' dependencies"))
    assert named and set(named) <= set(pinned)


def test_every_bridge_says_what_broke():
    names = [bridge.__name__ for bridge in compat.BRIDGES]
    assert first_column(section("ARCHITECTURE.md", "Bridges")) == names


# The pages themselves


@pytest.mark.parametrize(("page", "most"), [("README.md", 150), ("ARCHITECTURE.md", 250)])
def test_a_first_page_stays_short(page, most):
    assert len(PAGES[page].splitlines()) <= most


def test_every_page_of_the_docs_is_in_the_readme():
    links = re.findall(r"\]\((docs/[^)#]+\.md)\)", PAGES["README.md"])
    assert sorted(links) == sorted(page for page in PAGES if page.startswith("docs/"))


def test_measured_figures_are_in_the_results_alone():
    assert "µs" in (ROOT / GENERATED).read_text()
    assert [page for page, text in PAGES.items() if re.search(r"\d µs", text)] == []


def test_every_file_that_is_named_exists():
    folders = "proj|consumers|liveblog|accounts|conversations|ops|database|packages|deploy|bench"
    missing = []
    for page, text in PAGES.items():
        # A package's page names the package's own files.
        places = (ROOT, (ROOT / page).parent)
        for path in re.findall(rf"`((?:{folders}|tests|docs)/[\w/.-]*)`", text):
            if not any((place / path).exists() for place in places):
                missing.append(f"{page}: {path}")
    assert missing == []


def test_every_link_leads_to_a_file_and_a_heading():
    broken = []
    for page, text in PAGES.items():
        text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
        links = re.findall(r"\]\((?!http)([^)\s]+)\)", text)
        links += re.findall(r'src(?:set)?="(?!http)([^"]+)"', text)
        for link in links:
            name, _, anchor = link.partition("#")
            path = (ROOT / page).parent / name if name else ROOT / page
            if not path.exists() or anchor and anchor not in anchors(path.read_text()):
                broken.append(f"{page}: {link}")
    assert broken == []


def test_the_python_versions_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    wanted = f"3.{low} to 3.{int(high) - 1}"
    said = {" ".join(found.split()) for found in re.findall(r"3\.\d+\s+to\s+3\.\d+", EVERYTHING)}
    assert said == {wanted}
    assert project["version"] in PAGES["CHANGELOG.md"]


def test_the_package_names_and_allows_the_versions_that_are_tested():
    project = tomllib.loads((ROOT / TRANSPORT).with_name("pyproject.toml").read_text())["project"]

    def named(prefix):
        found = project["classifiers"]
        return [name.removeprefix(prefix) for name in found if name.startswith(prefix)]

    djangos = named("Framework :: Django :: ")
    pythons = named("Programming Language :: Python :: ")
    table = [
        line for line in section("docs/channels-1x.md", "Versions").splitlines() if "|" in line
    ]
    assert re.findall(r"Python ([\d.]+)", table[0]) == pythons
    assert [re.match(r"\| Django ([\d.]+) \|", row)[1] for row in table[2:]] == djangos
    (django,) = (
        each for each in map(Requirement, project["dependencies"]) if each.name == "django"
    )
    candidates = [f"{major}.{minor}" for major in range(3, 9) for minor in range(3)]
    assert [each for each in candidates if f"{each}.1" in django.specifier] == djangos
    allowed = SpecifierSet(project["requires-python"])
    assert [f"3.{minor}" for minor in range(30) if f"3.{minor}.1" in allowed] == pythons


def test_no_file_names_a_folder_of_the_machine_it_was_written_on():
    places = [r"/home/[a-z]+/", r"/root/", r"/Users/[A-Za-z]+/"]
    if len(ROOT.parts) > 2:  # "/app" may be an address as well
        places.append(rf"{re.escape(str(ROOT))}\b")
    pattern = re.compile("|".join(places))
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        for path in (Path(folder) / name for name in names):
            if path != Path(__file__) and pattern.search(path.read_text(errors="replace")):
                found.append(path.relative_to(ROOT).as_posix())
    assert found == []
