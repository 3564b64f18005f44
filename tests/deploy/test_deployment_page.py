"""Runs commands of docs/deployment.md, unchanged except for paths."""

import os
import re
import shutil
import subprocess

from harness.network import free_port

from deploy.run import ROOT
from proj.environment import VARIABLES, Environment
from tests.certificates import make_certificate

PAGE = (ROOT / "docs" / "deployment.md").read_text()


def block(heading):
    """The first block of commands below a heading."""
    return re.search(rf"^## \d\. {heading}\n.*?```\n(.*?)```", PAGE, re.M | re.S)[1]


def test_the_settings_exist_and_have_allowed_values(tmp_path):
    script = block("The settings").replace("/etc/liveblog.env", f"{tmp_path}/liveblog.env")
    subprocess.run(["sh", "-ec", script], check=True)
    path = tmp_path / "liveblog.env"
    assert path.stat().st_mode & 0o777 == 0o600
    environ = dict(line.split("=", 1) for line in path.read_text().splitlines())
    assert set(environ) <= {variable.name for variable in VARIABLES}
    assert Environment(environ).HTTPS and Environment(environ).TRUSTED_HOPS == 1


def test_nginx_accepts_its_file(tmp_path):
    script = re.search(r"^sed .*?nginx\.conf$", block("nginx and TLS"), re.M | re.S)[0]
    data, certificates = tmp_path / "data", tmp_path / "certificates"
    for old, new in (
        ("/var/lib/liveblog", data),
        ("/var/log/nginx", tmp_path),
        ("/etc/letsencrypt/live/blog.example.org", certificates),
        ("/run/nginx.pid", tmp_path / "nginx.pid"),
        ("/srv/liveblog/nginx.conf", ROOT / "nginx.conf"),
        ("/etc/nginx/nginx.conf", tmp_path / "nginx.conf"),
    ):
        assert old in script
        script = script.replace(old, str(new))
    (data / "nginx").mkdir(parents=True)
    certificates.mkdir()
    make_certificate(certificates / "fullchain.pem", certificates / "privkey.pem")
    subprocess.run(["sh", "-ec", script], check=True)
    text = (tmp_path / "nginx.conf").read_text()
    for listen in ("80 ", "[::]:80 ", "443 ssl", "[::]:443 ssl"):
        assert f"listen {listen}" in text
    assert "8080" not in text
    assert not re.search(r"[^/\w]var/", re.sub(r"#.*", "", text))
    for name in ("access", "error"):  # Debian's logrotate has this folder
        assert f"{name}_log {tmp_path}/{name}.log" in text
    for port in ("80", "443"):  # which only root may listen on
        text = text.replace(f"listen {port} ", f"listen 127.0.0.1:{free_port()} ")
        text = text.replace(f"listen [::]:{port} ", f"listen [::1]:{free_port()} ")
    (tmp_path / "nginx.conf").write_text(text)
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    command = [nginx, "-t", "-e", "stderr", "-c", tmp_path / "nginx.conf"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
