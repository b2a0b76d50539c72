"""A real PostgreSQL server on loopback, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "s3cret-of-the-tests"


def binaries() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them out of PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent, *places] if found else places
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


@dataclass(frozen=True)
class Server:
    """A server that can be stopped and started.

    Attributes:
        folder: of its data; belongs to the user that runs it.
        port: on 127.0.0.1.
        place: of its programs.
    """

    folder: Path
    port: int
    place: Path

    @classmethod
    def made(cls, folder: Path, place: Path) -> Server:
        """A fresh server, running."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            server = cls(folder=folder / "postgres", port=free.getsockname()[1], place=place)
        password = folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        server.folder.mkdir()
        if os.getuid() == 0:
            for path in (folder, server.folder, password):
                os.chown(path, _account().pw_uid, _account().pw_gid)
        server._run("initdb", "-D", str(server.folder), "-U", "me", "-A", "scram-sha-256", f"--pwfile={password}", "-N")
        with (server.folder / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(f"listen_addresses = '127.0.0.1'\nport = {server.port}\nfsync = off\n")
            settings.write(f"unix_socket_directories = '{server.folder}'\n")
        server.start()
        return server

    @property
    def url(self) -> str:
        """For ``--storage``."""
        return f"postgresql+psycopg://me:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """At once: every session is cut."""
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.place / program), *words]
        if os.getuid() == 0:  # PostgreSQL refuses root
            user, group = _account().pw_uid, _account().pw_gid
            command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *command]
        done = subprocess.run(
            command, cwd="/", env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


@contextmanager
def served() -> Iterator[Server]:
    """A fresh server while the block lasts."""
    place = binaries()
    assert place is not None
    folder = Path(tempfile.mkdtemp(prefix="ftr-postgres-"))  # not below pytest's own, which only root may enter
    server = None
    try:
        server = Server.made(folder, place)
        yield server
    finally:
        if server is not None and (server.folder / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder)


def _account() -> pwd.struct_passwd:
    """An unprivileged user."""
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    return users.get("postgres", users["nobody"])
