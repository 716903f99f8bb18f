"""See to it that the browser tests have a Chromium, and Chinese characters to show in it.

What is installed is taken; else Debian's package, with apt and root; else Playwright's own download.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from scripts.console import Console
from scripts.environments import APP_DEV
from scripts.problems import Problem

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def prepare(console: Console) -> None:
    """Install what is missing, and say so."""
    packages = []
    if not any(shutil.which(name) for name in NAMES):
        packages.append("chromium")
    if not _has_chinese_font():
        packages.append("fonts-noto-cjk")
    if packages and shutil.which("apt-get") and os.geteuid() == 0:
        console.say(f"Installing with apt-get: {', '.join(packages)}")
        _apt_install(packages)
    if not any(shutil.which(name) for name in NAMES):
        console.say("Installing Playwright's Chromium")
        done = subprocess.run([str(APP_DEV.python), "-m", "playwright", "install", "chromium"], check=False)
        if done.returncode != 0:
            raise Problem("There is no Chromium: install one (`apt install chromium`) for the browser tests.")


def _has_chinese_font() -> bool:
    if shutil.which("fc-list") is None:
        return False
    listed = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=False)
    return bool(listed.stdout.strip())


def _apt_install(packages: list[str]) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "-y", "--no-install-recommends", "install"]):
        line = command + (packages if command[-1] == "install" else [])
        subprocess.run(line, env=quiet, check=False, stdout=subprocess.DEVNULL)
