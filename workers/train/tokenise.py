"""Splits texts into words and characters by steps that an ONNX graph of standard operators can repeat exactly.

The only operator that looks inside a string is StringSplit, so everything is splitting: a text falls apart at each
separator in turn (what stood there becomes the tag of the piece before it), and its words fall apart at each byte in
turn, until the tags read one after the other are the text. Bytes beyond ASCII are put together to code points again
as integers. Lower-casing and folding are look-ups in explicit tables: no locale, the same answer in every runtime.

    text    → [first separator, at most WORDS_MOST pieces] → separators → words with tags → bytes → code points
    words   → token numbers 0 nothing, 1 unknown, 2… in the order of the vocabulary (separators are tokens too)
    code points → 0 nothing, 1 unknown, 2 space, 3… folded characters
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

WORDS_MOST = 2_048  # pieces between the first separator; what comes after does not count
SEPARATORS_MOST = 96  # different characters that part words; the rarer ones count as letters
SEPARATOR_SPLITS_MOST = 63  # of one piece at one separator: bounds the memory of one step
LETTER_SPLITS_MOST = 7  # of one word at one byte
ALPHABET_MOST = 4_000  # folded characters, so that five of them fit into 63 bits

NOTHING, UNKNOWN, SPACE = 0, 1, 2
RAW_BYTE = 0x200000  # + byte: a tag that is a byte beyond ASCII, below: a code point
RESIDUE = 0x1FFFFF  # what no step could name
END_OF_WORD = -1
DUMMY = "\2"  # a piece of the graph that no step may touch
_UNTOUCHED = ("\0", DUMMY)  # a NUL ends strings in some languages

_SPACES = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_JOINERS = "\u200c\u200d"
_ALWAYS = " \t\n\r.,!?;:'\"()-/"  # separators whether seen in training or not
_DIACRITICS = range(0x300, 0x370)

_Text = TypeVar("_Text", str, bytes)


def is_separator(character: str) -> bool:
    """Not a letter, digit, mark or joiner."""
    if character in _JOINERS or character in _UNTOUCHED:
        return False
    return not (character.isalnum() or unicodedata.category(character).startswith("M"))


def fold(code: int) -> int:
    """Lower case without the diacritics that NFC joins and NFD parts; 0 for a diacritic that stands alone."""
    if code in _DIACRITICS:
        return 0
    base = unicodedata.normalize("NFKD", chr(code))[0]
    lowered = unicodedata.normalize("NFKD", base.lower() or base)[0]
    return ord(lowered) if ord(lowered) not in _DIACRITICS else 0


def fold_word(word: str) -> str:
    """How a spelling is counted: NFC, lower case, accents kept."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).lower())


def spellings(word: str) -> set[str]:
    """What people write for one folded word."""
    cased = {word, word.upper(), word.capitalize(), word.title()}
    return cased | {unicodedata.normalize("NFD", one) for one in cased}


@dataclass(frozen=True)
class Splitter:
    """The steps in order: the first separator, the others, the bytes of words; each rarest first."""

    first: str
    separators: tuple[str, ...]
    letters: tuple[bytes, ...]
    _pieces: dict[str, list[tuple[str, int]]] = field(default_factory=dict, compare=False, repr=False)
    _ranks: dict[str | bytes, int] = field(default_factory=dict, compare=False, repr=False)
    _tags: dict[int, int] = field(default_factory=dict, compare=False, repr=False)
    _words: dict[str, list[int]] = field(default_factory=dict, compare=False, repr=False)

    @staticmethod
    def tag(separator: str) -> int:
        """Code point; every kind of space is one space."""
        return 32 if separator in _SPACES else ord(separator)

    def elements(self, text: str) -> list[tuple[str, int]]:
        """(word or "", tag of the separator behind it) in order; the last separator is END_OF_WORD."""
        found: list[tuple[str, int]] = []
        pieces = text.split(self.first)[:WORDS_MOST] if text else []
        for piece in pieces:
            known = self._pieces.get(piece)
            if known is None:
                steps = [(one, self.tag(one)) for one in self._in_order(set(piece))]
                known = self._pieces[piece] = _fall_apart(piece, steps, SEPARATOR_SPLITS_MOST, self.tag(self.first))
            found += known
        if found:
            found[-1] = (found[-1][0], END_OF_WORD)
        return found

    def _in_order(self, present: set[_Text]) -> list[_Text]:
        """The steps among `present`: the others would change nothing."""
        if not self._ranks:
            steps: list[str | bytes] = [*self.separators, *self.letters]
            self._ranks.update({one: rank for rank, one in enumerate(steps)})
        return sorted((one for one in present if one in self._ranks), key=self._ranks.__getitem__)

    def codes(self, word: str) -> list[int]:
        """The tags of one word: code points below 128, RAW_BYTE + byte, RESIDUE."""
        known = self._words.get(word)
        if known is None:
            raw = word.encode("utf-8", "replace")
            if len(raw) <= LETTER_SPLITS_MOST:
                return self._words.setdefault(word, self._read(raw))
            present = self._in_order({raw[at : at + 1] for at in range(len(raw))})
            steps = [(one, one[0] if one[0] < 128 else RAW_BYTE + one[0]) for one in present]
            known = []
            for rest, tag in _fall_apart(raw, steps, LETTER_SPLITS_MOST, END_OF_WORD):
                known += [RESIDUE] * bool(rest) + [tag] * (tag != END_OF_WORD)
            self._words[word] = known
        return known

    def _read(self, raw: bytes) -> list[int]:
        """What the steps give for a word too short to reach their limit: its bytes, unknown ones as one residue."""
        if not self._tags:
            self._tags.update({one[0]: one[0] if one[0] < 128 else RAW_BYTE + one[0] for one in self.letters})
        tags = [self._tags.get(byte, RESIDUE) for byte in raw]
        return [one for place, one in enumerate(tags) if one != RESIDUE or place == 0 or tags[place - 1] != RESIDUE]

    def characters(self, texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Code points of all texts and the text each belongs to, int64; words are parted by one space, which also
        stands at both ends of a text that holds more than spaces; the others are one space."""
        tags: list[int] = []
        sizes: list[int] = []
        for text in texts:
            before = len(tags)
            tags.append(32)
            for word, separator in self.elements(text):
                tags += self.codes(word)
                tags.append(32 if separator == END_OF_WORD else separator)
            sizes.append(len(tags) - before)
        points, kept = joined(np.array(tags, dtype=np.int64))
        rows = np.repeat(np.arange(len(sizes)), sizes)[kept]
        is_first = np.concatenate([[True], rows[1:] != rows[:-1]])[: len(rows)]
        is_double = (points == 32) & (np.concatenate([[0], points[:-1]]) == 32) & ~is_first
        return points[~is_double], rows[~is_double]


def _fall_apart(piece: _Text, steps: list[tuple[_Text, int]], most: int, last: int) -> list[tuple[_Text, int]]:
    elements: list[tuple[_Text, int]] = [(piece, last)]
    for step, tag in steps:
        if step in piece:
            parted: list[tuple[_Text, int]] = []
            for part, behind in elements:
                parts = part.split(step, most)
                parted += [(one, tag) for one in parts[:-1]] + [(parts[-1], behind)]
            elements = parted
    return elements


def joined(tags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tags to code points, and which tags gave one: bytes are read as UTF-8, following bytes vanish."""
    raw = tags - RAW_BYTE
    low = np.where((raw >= 0x80) & (raw < 0xC0), raw & 63, 0)
    next_1, next_2, next_3 = (np.concatenate([low[n:], np.zeros(min(n, len(low)), np.int64)]) for n in (1, 2, 3))
    two = (raw & 31) * 64 + next_1
    three = (raw & 15) * 4096 + next_1 * 64 + next_2
    four = (raw & 7) * 262144 + next_1 * 4096 + next_2 * 64 + next_3
    points = np.where(raw >= 0xF0, four, np.where(raw >= 0xE0, three, np.where(raw >= 0xC0, two, tags)))
    kept = ~((raw >= 0x80) & (raw < 0xC0))
    return points[kept], kept


def learn_splitter(texts: Iterable[str]) -> Splitter:
    """Read the separators and bytes off the training texts."""
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(text)
    parting = Counter({one: count for one, count in seen.items() if is_separator(one)})
    for one in _ALWAYS:
        parting[one] += 0
    kept = [one for one, _ in sorted(parting.items(), key=lambda pair: (-pair[1], pair[0]))[:SEPARATORS_MOST]]
    kept = sorted({*kept, *_ALWAYS}, key=lambda one: (parting[one], one))
    first = kept.pop()
    letters: Counter[bytes] = Counter()
    for one, count in seen.items():
        if one not in kept and one != first and one not in _UNTOUCHED:
            for byte in one.encode("utf-8", "replace"):
                letters[bytes([byte])] += count
    order = sorted(letters, key=lambda byte: (letters[byte], byte))
    return Splitter(first, tuple(kept), tuple(order))


@dataclass(frozen=True)
class Alphabet:
    """Code point → number. Those not listed are unknown."""

    numbers: dict[int, int]

    def of(self, points: np.ndarray, rows: np.ndarray) -> "Stream":
        """Numbers of code points, those of NOTHING left out."""
        values, places = np.unique(points, return_inverse=True)
        table = np.array([self.numbers.get(one, UNKNOWN) for one in values.tolist()], dtype=np.int64)
        found = table[places]
        return Stream(found[found != NOTHING], rows[found != NOTHING])


@dataclass(frozen=True)
class Stream:
    """Numbers of all texts one after the other, and the text each belongs to."""

    values: np.ndarray
    rows: np.ndarray

    def of_row(self, row: int) -> np.ndarray:
        return self.values[self.rows == row]


def learn_alphabet(points: np.ndarray) -> Alphabet:
    """Number every folded character of the training texts, the most frequent first."""
    counts: Counter[int] = Counter()
    values, times = np.unique(points, return_counts=True)
    seen = list(zip(values.tolist(), times.tolist(), strict=True))
    known_points = {value for value, _ in seen if value < 0x110000 and not 0xD800 <= value < 0xE000}
    for value, count in seen:
        if value in known_points:
            counts[fold(value)] += count
    counts.pop(32, None)
    counts.pop(0, None)
    ranked = sorted(counts, key=lambda one: (-counts[one], one))[: ALPHABET_MOST - 3]
    places = {32: SPACE, 0: NOTHING, **{code: 3 + place for place, code in enumerate(ranked)}}
    cased = {ord(v) for p in known_points for v in (chr(p).upper(), chr(p).lower()) if len(v) == 1}
    known = sorted({*known_points, *cased, *_DIACRITICS, 32})
    return Alphabet({point: places[fold(point)] for point in known if fold(point) in places})


@dataclass(frozen=True)
class Words:
    """Spelling → token number, separator → token number; spaces are NOTHING."""

    numbers: dict[str, int]
    separators: dict[int, int]

    @property
    def size(self) -> int:
        return 1 + max([UNKNOWN, *self.numbers.values(), *self.separators.values()])

    def of(self, splitter: Splitter, texts: Iterable[str]) -> Stream:
        found: list[int] = []
        sizes: list[int] = []
        for text in texts:
            before = len(found)
            for word, separator in splitter.elements(text):
                if word:
                    found.append(self.numbers.get(word, UNKNOWN))
                if number := self.separators.get(separator, NOTHING):
                    found.append(number)
            sizes.append(len(found) - before)
        return Stream(np.array(found, dtype=np.int64), np.repeat(np.arange(len(sizes)), sizes))


def learn_words(splitter: Splitter, texts: Iterable[str], most: int) -> Words:
    """The most frequent folded words, in every spelling seen or usual, and each separator that is no space."""
    counts: Counter[str] = Counter()
    seen: dict[str, set[str]] = {}
    for text in texts:
        for word, _ in splitter.elements(text):
            if word and not any(one in word for one in _UNTOUCHED):
                folded = fold_word(word)
                counts[folded] += 1
                seen.setdefault(folded, set()).add(word)
    ranked = sorted(counts, key=lambda one: (-counts[one], one))[:most]
    numbers: dict[str, int] = {}
    for place, folded in enumerate(ranked, 2):
        for spelling in sorted(seen[folded] | {one for one in spellings(folded) if fold_word(one) == folded}):
            numbers[spelling] = place
    marks = [one for one in (*splitter.separators, splitter.first) if one not in _SPACES and not _is_silent(one)]
    return Words(numbers, {ord(one): 2 + len(ranked) + place for place, one in enumerate(marks)})


def _is_silent(character: str) -> bool:
    """Zero-width and control characters part words and are no words themselves."""
    return bool(re.fullmatch(r"C[cf]", unicodedata.category(character)))
