"""See to it that the tests have the programs that no Python package brings: a Chromium for the browser tests, with
Chinese characters to show in it, and nginx for those of the proxy.

What is installed is taken; else Debian's package, with apt and root; else, of Chromium, Playwright's own download.
nginx is only unpacked, beside the tests' environment: as an installed package, it would start to serve.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from scripts.console import Console
from scripts.environments import APP_DEV
from scripts.problems import Problem

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
UNPACKED_NGINX = APP_DEV.path / "nginx"


def prepare_browser(console: Console) -> None:
    """Install what is missing, and say so."""
    packages = []
    if not any(map(shutil.which, CHROMIUMS)):
        packages.append("chromium")
    if not _has_chinese_font():
        packages.append("fonts-noto-cjk")
    if packages and _can_install():
        console.say(f"Installing with apt-get: {', '.join(packages)}")
        _apt_get("update")
        _apt_get("-y", "--no-install-recommends", "install", *packages)
    if not any(map(shutil.which, CHROMIUMS)):
        console.say("Installing Playwright's Chromium")
        done = subprocess.run([str(APP_DEV.python), "-m", "playwright", "install", "chromium"], check=False)
        if done.returncode != 0:
            raise Problem("There is no Chromium: install one (`apt install chromium`) for the browser tests.")


def prepare_proxy(console: Console) -> None:
    """Fetch nginx where it is missing; where that can't be, its tests say so."""
    if nginx() is not None or not _can_install():
        return
    console.say("Fetching nginx with apt-get, for the tests alone")
    _apt_get("update")
    with tempfile.TemporaryDirectory() as folder:
        # As root, apt would rather be another user, for whom this folder is closed.
        _apt_get("-o", "APT::Sandbox::User=root", "download", "nginx", folder=folder)
        for package in Path(folder).glob("nginx_*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(UNPACKED_NGINX)], check=False)


def nginx() -> str | None:
    """Where nginx is: in PATH, where Debian has it, or unpacked by `prepare_proxy`."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(UNPACKED_NGINX / "usr/sbin")])
    return shutil.which("nginx", path=path)


def _has_chinese_font() -> bool:
    if shutil.which("fc-list") is None:
        return False
    listed = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=False)
    return bool(listed.stdout.strip())


def _can_install() -> bool:
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def _apt_get(*arguments: str, folder: str | None = None) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-qq", *arguments], cwd=folder, env=quiet, check=False, stdout=subprocess.DEVNULL)
