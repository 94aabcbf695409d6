"""Finds folders where PostgreSQL may live when we are root, whom it refuses to serve."""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

from embedded.data_folder import read_json, write_private_json

_OUTSIDE = Path("/var/lib/modelyard")  # for root only: homes whose wanted place lies inside a closed folder
_LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes
_SOCKET_NAME_BYTES = len("/.s.PGSQL.5432.lock")


def server_user() -> tuple[int, int]:
    """(uid, gid) that PostgreSQL runs as: `nobody` when we are root, otherwise (0, 0) for ourselves."""
    if os.getuid() != 0:
        return (0, 0)
    nobody = pwd.getpwnam("nobody")
    return (nobody.pw_uid, nobody.pw_gid)


def can_be_entered(path: Path) -> bool:
    """Whether any user may walk down to this path."""
    return all(bool(parent.stat().st_mode & stat.S_IXOTH) for parent in path.resolve().parents)


def home_for_server(wanted: Path) -> Path:
    """Return a folder that PostgreSQL's user owns: the wanted one, or one outside that `wanted` then links to."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if wanted.is_symlink() and wanted.exists():
        return wanted.resolve()
    home = wanted if server_user() == (0, 0) or can_be_entered(wanted) else _home_outside(wanted)
    home.mkdir(parents=True, exist_ok=True)
    give_to_server(home)
    return home


def give_to_server(folder: Path) -> None:
    """Make a folder private to the user that PostgreSQL runs as."""
    uid, gid = server_user()
    folder.chmod(0o700)
    if uid:
        os.chown(folder, uid, gid)


def readable_copy(package: Path) -> Path:
    """Return a wheel's package folder, or a copy that PostgreSQL's user can reach, with the libraries beside it."""
    if server_user() == (0, 0) or can_be_entered(package / "any"):
        return package
    place = _OUTSIDE / f"{package.name}-{_short(package)}-{int(package.stat().st_mtime)}"
    if not place.exists():
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        for folder in (package, package.with_name(f"{package.name}.libs")):  # the binaries look for it at ../../../
            if folder.exists():
                shutil.copytree(folder, draft / folder.name, symlinks=True)
        _open_up(draft)
        try:
            draft.rename(place)
        except OSError:  # another process made it meanwhile
            shutil.rmtree(draft, ignore_errors=True)
    return place / package.name


def socket_folder(home: Path) -> Path:
    """Return a folder for PostgreSQL's socket whose path is short enough; only the server's user may enter it."""
    inside = home / "socket"
    fits = len(str(inside).encode()) + _SOCKET_NAME_BYTES <= _LONGEST_SOCKET_PATH
    folder = inside if fits else Path(tempfile.gettempdir()) / f"modelyard-{_short(home)}"
    try:
        folder.mkdir(mode=0o700)
        give_to_server(folder)
    except FileExistsError:
        owner = server_user()[0] or os.getuid()
        if folder.is_symlink() or folder.stat().st_uid != owner:  # in a shared folder somebody could have been first
            raise RuntimeError(f"{folder} belongs to another user; set TMPDIR to a folder of your own") from None
    return folder


def _home_outside(wanted: Path) -> Path:
    """Make a home outside, linked from the wanted place, and drop homes whose data folder was deleted."""
    for record in _OUTSIDE.glob("*/link.json"):
        link = Path(str(read_json(record).get("link", "")))
        if not (link.is_symlink() and link.resolve() == (record.parent / "postgres").resolve()):
            shutil.rmtree(record.parent, ignore_errors=True)
    _OUTSIDE.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="home-", dir=_OUTSIDE))
    place.chmod(0o755)
    wanted.unlink(missing_ok=True)  # a link to a home that is gone
    wanted.symlink_to(place / "postgres")
    write_private_json(place / "link.json", {"link": str(wanted)})
    return place / "postgres"


def _short(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:10]


def _open_up(tree: Path) -> None:
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
