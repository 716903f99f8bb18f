"""Ask PyPI's advisories about every locked package: `make audit`, or `python3 -m scripts.audit`.

pip-audit, in a throw-away environment, reads the lock files and installs nothing from them. A service that can't be
reached, or that does not know the packages, is a failure: silence is not a clean bill. Needs the network.
Limits: torch is pinned apart (scripts/environments.py) and asked about by its version; images are not looked into.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from scripts.environments import BACKEND, ROOT
from scripts.lock import LOCKS

PIP_AUDIT = "pip-audit==2.10.1"
# A few packages are for other systems, or come from elsewhere; more than this share unknown is a service that fails.
MOST_UNKNOWN = 0.05


def verdict(found: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code, and what to say, of pip-audit's list of packages."""
    said = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or '?'}"
        for package in found
        for hole in package.get("vulns", [])
    ]
    unknown = [package for package in found if "skip_reason" in package]
    if len(unknown) > MOST_UNKNOWN * len(found):
        said.append(
            f"The service does not know {len(unknown)} of {len(found)} packages, so this is no audit: run it where "
            "pypi.org itself answers, not only a mirror of its files."
        )
        return 1, said
    said += [f"not known to the service: {package['name']}: {package['skip_reason']}" for package in unknown]
    said.append(f"{len(found) - len(unknown)} packages looked at, {len(said) - len(unknown)} holes known.")
    return (1 if len(said) > len(unknown) + 1 else 0), said


def ask(python: str, folder: Path) -> list[dict[str, Any]] | None:
    """All locked packages with what is known of them; None where the service does not answer."""
    torch = folder / "torch.txt"
    torch.write_text(BACKEND.torch().partition("+")[0] + "\n")
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in [*(ROOT / lock.file for lock in LOCKS), torch]:
        command = [python, "-m", "pip_audit", "--disable-pip", "--progress-spinner=off", "--format=json"]
        command += ["--no-deps"] if file == torch else []
        done = subprocess.run([*command, "--requirement", str(file)], capture_output=True, text=True, check=False)
        try:
            packages = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            print("\n".join(done.stderr.strip().splitlines()[-1:]), file=sys.stderr)
            return None
        found |= {(package["name"], package.get("version", "")): package for package in packages}
    return list(found.values())


def main() -> int:
    """0 only if the service knows the packages, and no hole in them."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        install = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", PIP_AUDIT]
        if subprocess.run(install, check=False).returncode:
            print(f"{PIP_AUDIT} can't be installed: check the network and pip's settings (`pip config list`).")
            return 1
        found = ask(f"{folder}/bin/python", Path(folder))
    if found is None:
        print("The service with the advisories (pypi.org) can't be reached: check the network, then try again.")
        return 1
    code, said = verdict(found)
    print("\n".join(said))
    return code


if __name__ == "__main__":
    sys.exit(main())
