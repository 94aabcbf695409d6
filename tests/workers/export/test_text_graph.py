"""The exported graph takes texts apart exactly as training did, whatever is in them."""

import numpy as np
import pytest
from onnx import TensorProto

from workers.export.graph import TEXT_OPSET, Graph
from workers.export.parity import open_session
from workers.export.text_graph import TextGraph
from workers.train import tokenise

LEARNT = [
    "The coffee is great, really great! I'd buy it again.",
    "Never again: it tastes like 1,000 old socks…",
    "İstanbul'da ÇOK güzel ŞEY",
    "日本語のテキストを分類する。東京は、とても大きい！",
    "Отличный товар, рекомендую",
    "cafe\u0301 café CAFÉ",
    "👍🏽 great 😀😀",
    "नमस्ते दुनिया",
    "a\u200bb zero\u200dwidth \ufeffbom",
]
STRANGE = [
    "",
    "   ",
    "\t\n\r",
    " lead and trail ",
    "GREAT Great grEAT",
    "never seen: ž ẞ ﬁ Ⅷ 𝔘𝔫𝔦 ñandú ΑΒΓ שלום مرحبا 🦄🦄",
    "!" * 200,
    "Mississippi" * 9,
    "x" * 1_000,
    "é" * 30,
    "a\u00a0b\u3000c",
    "\x02\x01\x7f",
    "a\0b",
    "“quoted”—dash…",
    "。" * 80,
    "word " * 3_000,
    "ｆｕｌｌ width",
    "e\u0301\u0301 \u0301",
]


@pytest.fixture(scope="module")
def both():
    """The session and the Python side, learnt from the same texts."""
    splitter = tokenise.learn_splitter(LEARNT)
    words = tokenise.learn_words(splitter, LEARNT, 500)
    alphabet = tokenise.learn_alphabet(splitter.characters(LEARNT)[0])
    graph = Graph(TEXT_OPSET)
    texts = TextGraph(graph, graph.input("text", TensorProto.STRING, ["N", 1]), splitter)
    word_stream = texts.words(words.numbers, words.separators, tokenise.UNKNOWN)
    character_stream = texts.characters(alphabet.numbers, tokenise.UNKNOWN)
    graph.add("Identity", texts.matrix(word_stream, 0, 8), output="words")
    graph.add("Identity", texts.matrix(character_stream, tokenise.SPACE, 8), output="characters")
    graph.output("words", TensorProto.INT64, ["N", "W"])
    graph.output("characters", TensorProto.INT64, ["N", "L"])
    session = open_session(graph.finish("test").SerializeToString())
    return session, splitter, words, alphabet


def _agree(both, texts):
    session, splitter, words, alphabet = both
    in_graph = session.run(["words", "characters"], {"text": np.array(texts, dtype=object).reshape(-1, 1)})
    in_python = words.of(splitter, texts), alphabet.of(*splitter.characters(texts))
    for row, text in enumerate(texts):
        for found, expected in zip(in_graph, in_python, strict=True):
            values = found[row][found[row] != 0]
            assert values.tolist() == expected.of_row(row).tolist(), repr(text[:60])


def test_hard_texts_fall_apart_the_same_alone(both):
    for text in LEARNT + STRANGE:
        _agree(both, [text])


def test_hard_texts_fall_apart_the_same_in_one_batch(both):
    _agree(both, LEARNT + STRANGE)
    _agree(both, ["", ""])


def test_a_text_of_100_kilobytes_is_taken(both):
    _agree(both, [("Never again, it tastes like 東京 coffee! " * 3_000)[:100_000]])


def test_case_and_normal_form_do_not_matter_to_words_that_are_known(both):
    _, splitter, words, _ = both
    numbers = {one: words.of(splitter, [one]).values.tolist() for one in ("great", "Great", "GREAT", "coffee")}
    assert numbers["great"] == numbers["Great"] == numbers["GREAT"] != numbers["coffee"]
    assert words.of(splitter, ["café"]).values.tolist() == words.of(splitter, ["cafe\u0301"]).values.tolist()


def test_characters_beyond_ascii_are_read_as_one_each(both):
    _, splitter, _, alphabet = both
    points, _ = splitter.characters(["東京 Отличный"])
    assert "".join(map(chr, points)) == " 東京 Отличный "
    assert tokenise.UNKNOWN not in alphabet.of(*splitter.characters(["東京 Отличный"])).values
