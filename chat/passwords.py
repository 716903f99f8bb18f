"""The password file: one line for each user, `name:scrypt:n:r:p:salt:hash`.

    .venv/bin/python -m chat.passwords NAME >> passwords

asks for a password and prints the line. The parameters stand in each line, so that later ones can be stronger.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from chat.errors import SettingsError

N, R, P = 2**15, 8, 1  # 32 MB and about 0.1 s for each attempt
MOST_MEMORY = 128 * 2**20
SHORTEST = 10


@dataclass(frozen=True, slots=True)
class Hash:
    """What is kept of a password."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def fits(self, password: str) -> bool:
        """Whether it is that password's; takes the time that `n` and `r` say."""
        made = hashlib.scrypt(
            _bytes(password), salt=self.salt, n=self.n, r=self.r, p=self.p, maxmem=MOST_MEMORY, dklen=len(self.digest)
        )
        return hmac.compare_digest(made, self.digest)


def _bytes(password: str) -> bytes:
    """In UTF-8, and one half of a character, which a form can hold, as itself: it fits no password."""
    return password.encode(errors="surrogatepass")


def line_for(name: str, password: str) -> str:
    """The line of a user."""
    salt = os.urandom(16)
    digest = hashlib.scrypt(_bytes(password), salt=salt, n=N, r=R, p=P, maxmem=MOST_MEMORY, dklen=32)
    return ":".join([name, "scrypt", str(N), str(R), str(P), *(base64.b64encode(b).decode() for b in (salt, digest))])


class Passwords:
    """All users of a file. Who is not in it takes as long to be refused as who is."""

    def __init__(self, users: dict[str, Hash]) -> None:
        self._users = users
        self._nobody = Hash(N, R, P, os.urandom(16), os.urandom(32))

    @classmethod
    def read(cls, path: Path) -> Passwords:
        """The file; `SettingsError` names what is wrong with it, and never shows a line."""
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise SettingsError(f"PAGODA_PASSWORD_FILE={path} can't be read: {type(error).__name__}") from None
        users: dict[str, Hash] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                name, kind, n, r, p, salt, digest = line.strip().split(":")
                if not name or kind != "scrypt" or name in users:
                    raise ValueError
                users[name] = Hash(int(n), int(r), int(p), base64.b64decode(salt), base64.b64decode(digest))
                users[name].fits("")  # the parameters are possible ones
            except (ValueError, OverflowError):
                raise SettingsError(
                    f"PAGODA_PASSWORD_FILE={path}: line {number} is not as `python -m chat.passwords NAME` makes it"
                ) from None
        if not users:
            raise SettingsError(f"PAGODA_PASSWORD_FILE={path} has nobody in it; add someone with chat.passwords")
        return cls(users)

    def are(self, name: str, password: str) -> bool:
        """Whether that is the user's password."""
        known = self._users.get(name)
        return (known or self._nobody).fits(password) and known is not None


def main() -> None:
    """Ask for a password, twice, and print the line."""
    if len(sys.argv) != 2 or not sys.argv[1].strip() or ":" in sys.argv[1]:
        sys.exit("usage: python -m chat.passwords NAME >> FILE   (a name without a colon)")
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(password) < SHORTEST:
        sys.exit(f"At least {SHORTEST} characters, please.")
    if sys.stdin.isatty() and getpass.getpass("Once more: ") != password:
        sys.exit("These were two different passwords.")
    print(line_for(sys.argv[1].strip(), password))


if __name__ == "__main__":
    main()
