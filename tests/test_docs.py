"""README.md and ARCHITECTURE.md say what the code does: each list in them is held against it."""

import os
import re
import tomllib
from pathlib import Path

from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from channels.message import Message
from channels_realtime import compat
from channels_realtime.interface.command_line import OPTIONS
from django.core.management import get_commands
from django.urls import resolve

from consumers import not_found, raw
from proj.environment import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
BOTH = README + ARCHITECTURE
TRANSPORT = ROOT / "packages" / "channels-realtime" / "src" / "channels_realtime"
NOT_OURS = {".git", ".venv", "var", "node_modules", "__pycache__", ".hypothesis"}
NOT_OURS |= {".pytest_cache", ".ruff_cache", ".mypy_cache"}


def section(text, heading):
    """The text below a heading, up to the next of its level."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def first_column(text):
    """What stands in backquotes in the first cell of the rows of the text's tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall("`([^`]+)`", cell)]


def test_the_environment_table_is_the_code_s():
    rows = [row for row in section(README, "Environment variables").splitlines() if "| `" in row]
    assert [row for row in rows if row.startswith("| `")] == [
        f"| `{v.name}` | {f'`{v.default}`' if v.default else 'unset'} | {v.help} |"
        for v in VARIABLES
    ]


def test_documented_make_targets_exist_and_all_are_documented():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`make ([a-z]+)", README)) == targets
    assert set(re.findall(r"\bmake (run|[a-z]+)`", ARCHITECTURE)) <= targets


def test_documented_management_commands_exist_and_ours_are_documented():
    documented = set(re.findall(r"manage\.py ([a-z_]+)", BOTH))
    commands = get_commands()
    assert documented <= set(commands)
    apps = ("liveblog", "conversations", "accounts", "channels_realtime", "consumers")
    ours = {name for name, app in commands.items() if app in apps}
    assert ours <= documented


def test_documented_urls_resolve():
    addresses = first_column(section(README, "URLs"))
    assert len(addresses) > 5
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    for address in addresses:
        path = re.sub("<.*?>", "demo", address.replace("<id>", "1"))
        request = Message({"path": path}, "http.request", layer)
        if layer.router.match(request) != (raw.http_request, {}):  # the others go to Django
            resolve(path)


def test_documented_websocket_paths_have_a_consumer():
    paths = [p for p in first_column(section(README, "WebSocket")) if p.startswith("/channel/")]
    assert paths
    layer = channel_layers[DEFAULT_CHANNEL_LAYER]
    for path in paths:
        content = {"path": re.sub("<.*?>", "demo", path)}
        consumer, _ = layer.router.match(Message(content, "websocket.connect", layer))
        assert getattr(consumer, "__wrapped__", consumer) is not not_found.ws_connect, path


def test_every_dependency_has_its_reason():
    lines = (ROOT / "requirements.in").read_text().splitlines()
    names = [re.match(r"[\w-]+", line)[0] for line in lines if line and line[0] != "#"]
    assert sorted(first_column(section(ARCHITECTURE, "Dependencies"))) == sorted(names)


def test_what_the_tests_need_is_pinned():
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    assert set(first_column(section(ARCHITECTURE, "The tests' dependencies"))) <= set(pinned)


def test_every_bridge_says_what_broke():
    names = [bridge.__name__ for bridge in compat.BRIDGES]
    assert first_column(section(ARCHITECTURE, "Bridges")) == names


def test_every_script_is_named():
    named = first_column(section(ARCHITECTURE, "The transport"))
    assert {path.stem for path in (TRANSPORT / "layer" / "lua").glob("*.lua")} <= set(named)


def test_documented_options_of_the_interface_server_exist():
    named = set(re.findall("`(--[a-z-]+)`", section(ARCHITECTURE, "The transport")))
    assert named and named <= {name for name, *_ in OPTIONS}


def test_every_module_that_is_named_exists():
    named = re.findall(
        r"`((?:proj|consumers|liveblog|accounts|conversations|packages|deploy|bench|tests)/[\w/.-]*)`",
        BOTH,
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_linked_files_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", BOTH + CHANGELOG)
    links += re.findall(r'src(?:set)?="(?!http)([^"]+)"', BOTH)
    assert {"docs/reader.png", "docs/reader-dark.png"} <= set(links)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_python_versions_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    wanted = f"3.{low} to 3.{int(high) - 1}"
    said = {" ".join(found.split()) for found in re.findall(r"3\.\d+\s+to\s+3\.\d+", BOTH)}
    assert said == {wanted}
    assert project["version"] in CHANGELOG


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
