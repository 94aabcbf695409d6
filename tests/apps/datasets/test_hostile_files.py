"""Every file of the hostile corpus gets the answer it deserves, in time, in bounds, and leaves nothing behind."""

import contextlib
import random
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from apps.datasets.services.examine_upload import Examined, examine_upload
from contracts.failures import FAILURES
from tests.apps.datasets.hostile import image_cases, parquet_cases, table_cases, zip_cases  # noqa: F401 (they register)
from tests.apps.datasets.hostile.cases import CASES, READY, Case
from tests.apps.datasets.hostile.parquet_cases import as_bytes, plain_table
from tests.apps.datasets.warm_child import WarmChild

SPENT_S = 10.0  # of computing, because the clock on the wall also counts what neighbours do
PARENT_GROWTH_BYTES = 50 * 2**20
PUBLIC_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # where anybody could write
STARTED_ANEW = (
    "c0 plain",
    "c5 UTF-16 big-endian",
    "c12 gzip of 1 GB zeros",
    "j2 nested 100,000 deep",
    "p0 plain",
    "p2 text without a dictionary",
    "z1 entry of 300 MB zeros",
    "i3 169 million pixels",
    "i15 a place in EXIF",
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answer_is_the_expected_one(case: Case, tmp_path: Path, warm_child: WarmChild) -> None:
    _gets_its_answer(case, tmp_path / "private", lambda: warm_child.spent_s)


@pytest.mark.parametrize("name", STARTED_ANEW)
def test_a_child_started_for_the_file_answers_alike(name: str, tmp_path: Path) -> None:
    """As in production, where nothing is warmed: a case of each reader, and those that ask the most of the walls."""
    (case,) = [one for one in CASES if one.name == name]
    start = _children_s()
    _gets_its_answer(case, tmp_path / "private", lambda: _children_s() - start)


def _gets_its_answer(case: Case, folder: Path, spent: Callable[[], float]) -> None:
    folder.mkdir()
    case.make(folder / "upload")
    before = _public_files()
    with _peak_memory() as peak:
        found = _examine(folder, case.file_name)
    spent_s = spent()
    issues = found.answer["issues"]
    told = "; ".join(f"{issue['code']} {issue['location']}: {issue['message']}" for issue in issues)[:1500]
    outcome = READY if found.outcome == READY else issues[0]["code"]
    assert outcome == case.expected, told
    if case.notice:
        assert case.notice in [issue["code"] for issue in issues], told
    if case.place:
        assert case.place in issues[0]["location"], told
    assert all(issue["fix"] and issue["message"] for issue in issues)
    assert outcome == READY or outcome in FAILURES
    assert spent_s <= SPENT_S
    assert peak[0] < PARENT_GROWTH_BYTES
    assert not _public_files() - before


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.usefixtures("warm_child")
def test_p9_flipped_bits_never_lose_the_child(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    raw = bytearray(as_bytes(plain_table(500)))
    for _ in range(chance.choice((1, 3, 20))):
        raw[chance.randrange(4, len(raw) - 4)] ^= 1 << chance.randrange(8)
    (tmp_path / "upload").write_bytes(raw)
    assert _examine(tmp_path, "x.parquet").outcome in ("ready", "refused")


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CASES) >= 70
    assert len({case.name for case in CASES}) == len(CASES)


def _examine(folder: Path, file_name: str) -> Examined:
    size = (folder / "upload").stat().st_size
    return examine_upload(folder, file_name=file_name, upload_bytes=size, options={})


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _public_files() -> set[str]:
    """What children have left in folders open to all; private folders of checks running elsewhere do not count."""
    found = set()
    for place in PUBLIC_FOLDERS:
        for path in Path(place).glob("*"):
            with contextlib.suppress(FileNotFoundError):  # other programs come and go
                is_of_a_child = 61_184 <= path.lstat().st_uid < 65_280
                if is_of_a_child and not path.name.startswith("modelyard-check-"):
                    found.add(str(path))
    return found


@contextlib.contextmanager
def _peak_memory() -> Iterator[list[int]]:
    process, peak, is_over = psutil.Process(), [0], threading.Event()
    start = process.memory_info().rss

    def watch() -> None:
        while not is_over.wait(0.02):
            peak[0] = max(peak[0], process.memory_info().rss - start)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        is_over.set()
        watcher.join()
