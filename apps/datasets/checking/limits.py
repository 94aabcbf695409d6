"""How much an upload may hold and how much the process that reads it may use."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# what a file may hold
UNPACKED_BYTES = 8 * GIB  # text behind gzip, decoded Parquet, all images of a ZIP together
UNPACK_RATIO = 200  # unpacked to packed; real tables stay under 60
UNPACK_RATIO_FREE_BYTES = MIB  # tiny files may compress as well as they like
TABLE_ROWS = 20_000_000
TABLE_ROWS_LEAST = 20
TABLE_COLUMNS = 4096
FIELD_BYTES = MIB
LINE_BYTES = 16 * MIB
COLUMN_NAME_CHARS = 200
ZIP_ENTRIES = 100_000
ZIP_ENTRY_BYTES = 64 * MIB
ZIP_NAME_BYTES = 1024
ZIP_DEPTH = 32
CLASS_NAME_CHARS = 200
CLASSES_SHOWN = 1000
IMAGE_PIXELS = 40_000_000
IMAGE_INVALID_SHARE = 0.01
IMAGES_PER_CLASS_LEAST = 3
ISSUES_SHOWN = 100
PLACES_SHOWN = 10

# what the child process may use
CHILD_MEMORY_BYTES = 3 * GIB  # address space
CHILD_FILE_BYTES = 9 * GIB
CHILD_OPEN_FILES = 64
CHILD_PROCESSES = 32  # threads count; pyarrow keeps a few
RESULT_BYTES = 8 * MIB


def wall_s(upload_bytes: int) -> float:
    """Seconds a check may take: half a minute, and one more for each megabyte, at most half an hour."""
    return min(1800.0, 30.0 + upload_bytes / MIB)
