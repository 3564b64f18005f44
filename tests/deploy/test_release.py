"""deploy/release on the whole product: new code goes live and no reader is disconnected."""

import os

import pytest

from tests.deploy.crowd import Crowd
from tests.deploy.newsroom import Newsroom

# A longer run: RELEASES=10 READERS=1000 .venv/bin/pytest tests/deploy/test_release.py
READERS = int(os.environ.get("READERS", 300))
RELEASES = int(os.environ.get("RELEASES", 2))
BACK_WITHIN = 10  # s between the close of a reader's socket and its next replay; usually 1
# A longer run: TAKEOVERS=10
TAKEOVERS = int(os.environ.get("TAKEOVERS", 2))
WORKERS = "runworker"
INTERFACES = "channels_realtime.interface"
STATE = "packages/channels-realtime/src/channels_realtime/interface/takeover/state.py"

pytestmark = pytest.mark.timeout(300 + 30 * RELEASES)


def test_releases_replace_every_worker_and_drop_no_reader(site):
    with Crowd(site.address, number=READERS) as crowd:
        with Newsroom(site) as newsroom:
            for number in range(RELEASES):
                old = set(site.pids(WORKERS))
                site.replace(
                    "packages/channels-realtime/src/channels_realtime/metrics/readiness.py",
                    '"status": next',
                    f'"release {number}": 1, "status": next',
                )
                output = site.release()
                new = set(site.pids(WORKERS))
                assert len(new) == 2 and not old & new
                for _ in range(6):
                    assert f"release {number}" in site.get("/readyz").read().decode()
                assert f"{READERS} after" in output
        crowd.wait_for(newsroom.head)
        assert newsroom.head > RELEASES
        assert crowd.disconnects == 0


def test_row_55_a_consumer_that_raises_on_every_connect_replaces_no_process(site):
    old = set(site.pids(WORKERS))
    join = "    group_of(slug).add(message.reply_channel)\n    query"
    broken = "    raise RuntimeError('of the new consumer')\n" + join
    with site.changed("consumers/liveblog.py", join, broken):
        output = site.release(code=1)
    assert "a handshake with replay failed in the rehearsal" in output
    assert "of the new consumer" in output
    assert set(site.pids(WORKERS)) == old and site.healthy()


def test_a_later_worker_that_does_not_start_restores_the_previous_release(site):
    """The candidate starts, the second worker does not: all workers run the old release again."""
    old, current = set(site.pids(WORKERS)), site.current.resolve()
    condition = "os.environ.get('SUPERVISOR_PROCESS_NAME') == 'worker_01'"
    broken = f"import os\nif {condition}:\n    os._exit(1)\n"
    with Crowd(site.address, number=10) as crowd:
        with site.changed("proj/apps.py", "from django.apps", broken + "from django.apps"):
            output = site.release(code=1)
        assert "workers:worker_01 did not become ready" in output
        assert not set(site.pids(WORKERS)) & old and len(site.pids(WORKERS)) == 2
        assert site.folders(WORKERS) == {current} == {site.current.resolve()}
        assert site.healthy() and crowd.disconnects == 0


def test_code_that_cannot_be_loaded_is_noticed_before_anything_changes(site):
    old = set(site.pids(WORKERS))
    with site.changed("proj/urls.py", "urlpatterns = [", "urlpatterns = [nothing,"):
        output = site.release(code=1)
    assert "nothing" in output and set(site.pids(WORKERS)) == old


def test_interface_servers_are_replaced_under_their_sockets(site):
    """Several times while a newsroom posts: no socket is closed and no post is missed."""
    supervised = site.interfaces()
    with Crowd(site.address, number=READERS) as crowd:
        with Newsroom(site) as newsroom:
            for _ in range(TAKEOVERS):
                old = set(site.pids(INTERFACES))
                output = site.release("--interface")
                assert output.count("was replaced under its sockets") == 2
                assert not old & set(site.pids(INTERFACES))
                assert f"{READERS} after" in output
        crowd.wait_for(newsroom.head)
        assert crowd.disconnects == 0
    assert site.interfaces() == supervised, "supervisord has started none of them again"


def test_an_interface_server_that_does_not_start_replaces_none(site):
    old = set(site.pids(INTERFACES))
    broken = "raise RuntimeError('of the new interface server')\n"
    asgi = site.current.resolve() / "proj" / "asgi.py"
    before = asgi.read_text()
    with Crowd(site.address, number=10) as crowd:
        asgi.write_text(before + broken)
        try:
            output = site.release("--interface", code=1)
        finally:
            asgi.write_text(before)
        assert "interface:interface_00 was not replaced" in output
        assert "of the new interface server" in output
        assert set(site.pids(INTERFACES)) == old
        assert site.healthy() and crowd.disconnects == 0


def test_an_interface_server_whose_state_the_new_one_cannot_read_is_drained(site):
    """Every reader comes back."""
    old = set(site.pids(INTERFACES))
    state = site.current.resolve() / STATE
    before = state.read_text()
    with Crowd(site.address, number=READERS, comes_back=True) as crowd:
        with Newsroom(site) as newsroom:
            state.write_text(before.replace("FORMAT = 1\n", "FORMAT = 99\n"))
            output = site.release("--interface")
        assert output.count("has to be drained") == 2
        assert "in format 1, which the new version cannot read" in output
        assert not old & set(site.pids(INTERFACES))
        crowd.wait_for_live()
        crowd.wait_for(newsroom.head)
        assert crowd.disconnects >= READERS
        assert crowd.codes == {1012}
        assert crowd.longest_away < BACK_WITHIN
        print(f"the longest time away: {crowd.longest_away:.1f} s")
        state.write_text(before)
        site.release("--interface")  # drained again, to what the other tests expect


def test_without_a_running_tree_a_release_is_refused(site, tmp_path):
    environ, site.environ = site.environ, site.environ | {"DATA_DIR": str(tmp_path)}
    try:
        assert "no site is running with DATA_DIR" in site.release(code=1)
    finally:
        site.environ = environ
