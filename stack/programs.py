"""What an image brings along and this machine has to have: Postgres with its database, MinIO built once.

Example:
    >>> build_minio(Path("docker/minio.dockerfile"), Path(".stack/bin"))
    PosixPath('.stack/bin/v0.0.0-20260212201848-7aac2a2c5b7c')
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stack.composition import StackError
from stack.process import Account

PACKAGED = Path("/usr/lib/postgresql")
"""Where Debian and its kin put Postgres, a folder per version."""


def build_minio(dockerfile: Path, folder: Path) -> Path:
    """The folder with ``minio``, built by the line of the dockerfile where it is not there yet.

    Raises:
        StackError: Go is missing or cannot build it.
    """
    (line,) = re.finditer(r"go install (\S+@(\S+))", dockerfile.read_text(encoding="utf-8"))
    module, built = line[1], folder / line[2]
    if (built / "minio").is_file():
        return built
    if shutil.which("go") is None:
        raise StackError("Go is not installed", remedy="MinIO is built with it once: https://go.dev/doc/install")
    built.mkdir(parents=True, exist_ok=True)
    print(f"building {module} once, which takes some minutes", flush=True)
    given = os.environ | {"CGO_ENABLED": "0", "GOBIN": str(built.resolve())}
    done = subprocess.run(["go", "install", module], env=given, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StackError(
            f"MinIO cannot be built: {said}", remedy="Is proxy.golang.org within reach? Is Go 1.24 or newer?"
        )
    return built


def postgres_programs() -> Path:
    """The folder with ``initdb`` and ``postgres``; Debian keeps them out of PATH.

    Raises:
        StackError: Postgres is not installed.
    """
    in_path = shutil.which("initdb")
    found = [Path(in_path).resolve().parent] if in_path else []
    found += sorted(PACKAGED.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    for folder in found:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise StackError("Postgres is not installed", remedy="Install the package postgresql; no service has to run")


def postgres_account() -> Account | None:
    """Postgres refuses root: then it runs as the user postgres, or nobody."""
    if os.geteuid():
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return Account(entry.pw_uid, entry.pw_gid)


def make_database(environment: Mapping[str, str], account: Account | None) -> None:
    """Make the cluster and its database where they are not there yet, as the image's entrypoint does.

    Args:
        environment: That of the service: ``PGDATA``, ``POSTGRES_USER``, ``POSTGRES_PASSWORD``, ``POSTGRES_DB``.
        account: Who owns the files.

    Raises:
        StackError: ``initdb`` refuses.
    """
    data = Path(environment["PGDATA"])
    if (data / "PG_VERSION").is_file():
        return
    part = data.with_name(data.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    with tempfile.NamedTemporaryFile("w") as secret:
        secret.write(environment["POSTGRES_PASSWORD"])
        secret.flush()
        if account:
            os.chown(part, account.user, account.group)
            os.chown(secret.name, account.user, account.group)
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", f"--pwfile={secret.name}"]
        commands = (
            ["initdb", f"--pgdata={part}", f"--username={environment['POSTGRES_USER']}", *options],
            ["postgres", "--single", "-D", str(part), "postgres"],
        )
        for command in commands:
            done = subprocess.run(
                [str(postgres_programs() / command[0]), *command[1:]],
                input=f'CREATE DATABASE "{environment["POSTGRES_DB"]}"\n',
                env={"PATH": environment["PATH"], "LC_ALL": "C"},
                capture_output=True,
                text=True,
                cwd="/",
                check=False,
                **(account.options() if account else {}),
            )
            if done.returncode:
                said = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise StackError(f"{command[0]} cannot make a database in {data.parent}: {said}")
    if data.is_dir():
        data.rmdir()
    part.rename(data)
