"""Reads all texts of a run once: splitter, words, alphabet and vocabularies from what may be learnt from."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from workers.export.text_onnx import Reading
from workers.train import ngrams, tokenise
from workers.train.ngrams import Vocabulary

WORDS_MOST = 50_000  # spellings are told apart up to here; rarer words are unknown
SAMPLE = 100  # texts read first, to see how long the rest takes
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
    """How many texts can be read in the time, from the speed on a few."""
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]
    before = time.monotonic()
    splitter = tokenise.learn_splitter(sample)
    splitter.characters(sample)
    per_text = 1.5 * (time.monotonic() - before) / max(1, len(sample))  # characters, words and counting them
    return int(seconds / max(per_text, 1e-9))


def read(texts: list[str], kinds: tuple[str, ...], alive: Callable[[], None]) -> Features:
    """Learn from these texts. Kinds: "words", "characters"; one without a single n-gram is left out."""
    splitter = tokenise.learn_splitter(texts)
    least = 1 if len(texts) <= FEW_TEXTS else 2
    words = tokenise.learn_words(splitter, texts, WORDS_MOST)
    alive()
    alphabet = None
    vocabularies = {}
    if "characters" in kinds:
        points = splitter.characters(texts)
        alive()
        alphabet = tokenise.learn_alphabet(points[0])
        stream = alphabet.of(*points)
        vocabularies["characters"] = ngrams.learn_vocabulary(stream, len(texts), ngrams.CHARACTERS, least)
        alive()
    stream = words.of(splitter, texts)
    vocabularies["words"] = ngrams.learn_vocabulary(stream, len(texts), ngrams.WORDS, least)
    found = {kind: one for kind, one in vocabularies.items() if len(one)}
    return Features(Reading(splitter, words, alphabet), found)


def split_weight(features: Features, kinds: tuple[str, ...], weight: np.ndarray) -> list[tuple[Vocabulary, np.ndarray]]:
    """Rows of a weight matrix by vocabulary, as `weigh` puts them side by side."""
    blocks, at = [], 0
    for kind in kinds:
        vocabulary = features.vocabularies[kind]
        blocks.append((vocabulary, weight[at : at + len(vocabulary)]))
        at += len(vocabulary)
    return blocks
