"""Reads all texts of a run once: splitter, words, alphabet and vocabularies from what may be learnt from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from workers.export.text_onnx import Reading
from workers.train import ngrams, tokenise
from workers.train.budget import Stopwatch
from workers.train.ngrams import Vocabulary
from workers.train.tokenise import Stream

WORDS_MOST = 50_000  # spellings are told apart up to here; rarer words are unknown
SAMPLE = 150  # texts read first, to see how long the rest takes
SLOWER = 2.5  # words and counting them come on top
FEW_TEXTS = 60  # up to here an n-gram of a single text counts


@dataclass(frozen=True)
class Features:
    """What linear members need: reading, vocabularies by kind."""

    reading: Reading
    vocabularies: dict[str, Vocabulary]

    def weigh(self, texts: list[str], kinds: tuple[str, ...]) -> sparse.csr_matrix:
        """[N, D] the blocks of the kinds side by side."""
        splitter, words, alphabet = self.reading.splitter, self.reading.words, self.reading.alphabet
        blocks = []
        for kind in kinds:
            if kind == "words":
                stream = words.of(splitter, texts)
            else:
                assert alphabet is not None
                stream = alphabet.of(*splitter.characters(texts))
            blocks.append(ngrams.weigh(self.vocabularies[kind], stream, len(texts)))
        return sparse.hstack(blocks).tocsr()


def affordable(texts: list[str], seconds: float) -> int:
    """How many texts can be read in the time, from the speed on a few; what they taught the splitter counts, too."""
    sample = texts[:: max(1, len(texts) // (2 * SAMPLE))][: 2 * SAMPLE]
    known, new = sample[: len(sample) // 2], sample[len(sample) // 2 :]
    splitter = tokenise.learn_splitter(known)
    splitter.characters(known)
    watch = Stopwatch()
    points = splitter.characters(new)
    alphabet = tokenise.learn_alphabet(points[0])
    ngrams.learn_vocabulary(alphabet.of(*points), len(new), ngrams.CHARACTERS)
    per_text = SLOWER * watch.seconds() / max(1, len(new))
    return int(seconds / max(per_text, 1e-9))


def read(texts: list[str], kinds: tuple[str, ...], alive: Callable[[], None]) -> Features:
    """Learn from these texts. Kinds: "words", "characters"; one without a single n-gram is left out."""
    return read_all(texts, np.ones(len(texts), dtype=bool), kinds, alive)[0]


def read_all(
    texts: list[str], is_learnt: np.ndarray, kinds: tuple[str, ...], alive: Callable[[], None]
) -> tuple[Features, dict[str, sparse.csr_matrix]]:
    """Learn from some of the texts, and weigh all of them: [texts, D] per kind. Each text is taken apart once."""
    learnt = [text for text, is_mine in zip(texts, is_learnt, strict=True) if is_mine]
    splitter = tokenise.learn_splitter(learnt)
    least = 1 if len(learnt) <= FEW_TEXTS else 2
    words = tokenise.learn_words(splitter, learnt, WORDS_MOST)
    alive()
    alphabet = None
    vocabularies: dict[str, Vocabulary] = {}
    weighed: dict[str, sparse.csr_matrix] = {}

    def count(stream: Stream, kind: ngrams.Kind) -> None:
        is_mine = is_learnt[stream.rows]
        mine = Stream(stream.values[is_mine], stream.rows[is_mine])
        vocabulary = ngrams.learn_vocabulary(mine, len(learnt), kind, least)
        alive()
        if len(vocabulary):
            vocabularies[kind.name], weighed[kind.name] = vocabulary, ngrams.weigh(vocabulary, stream, len(texts))
        alive()

    if "characters" in kinds:
        points, rows = splitter.characters(texts)
        alive()
        alphabet = tokenise.learn_alphabet(points[is_learnt[rows]])
        count(alphabet.of(points, rows), ngrams.CHARACTERS)
    count(words.of(splitter, texts), ngrams.WORDS)
    return Features(Reading(splitter, words, alphabet), vocabularies), weighed


def split_weight(features: Features, kinds: tuple[str, ...], weight: np.ndarray) -> list[tuple[Vocabulary, np.ndarray]]:
    """Rows of a weight matrix by vocabulary, as `weigh` puts them side by side."""
    blocks, at = [], 0
    for kind in kinds:
        vocabulary = features.vocabularies[kind]
        blocks.append((vocabulary, weight[at : at + len(vocabulary)]))
        at += len(vocabulary)
    return blocks
