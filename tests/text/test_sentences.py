"""Long lines cut into parts: where, in several languages; nothing lost, nothing too long, and quickly."""

import random
import time
from collections.abc import Callable

import pytest

from mtkit.text.sentences import LONG, SENTENCE, blocks, groups, join, split
from mtkit.text.tokenizer import Tokenizer, train


def letters(texts: list[str]) -> list[int]:
    """Counts that are easy to follow: code points, white space not counted."""
    return [len("".join(text.split())) for text in texts]


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


@pytest.fixture(scope="module")
def pieces() -> Callable[[list[str]], list[int]]:
    """Counts of a real tokenizer."""
    rng = random.Random(0)
    lines = ["".join(rng.choices("abcdefgh    ,.", k=40)) for _ in range(300)]
    model = train(iter(lines), kind="unigram", vocab_size=400, normalization="identity", byte_fallback=True)
    tokenizer = Tokenizer(model)
    return lambda texts: [len(ids) for ids in tokenizer.encode(texts)]


# "|" is where the line is cut.
@pytest.mark.parametrize(
    "line",
    [
        "The dog sees it. |It barks! |Does it? |Yes… |Well... |End",
        "He said: “Go.” |She went (at last.) |“Fine,” she said. |«Oui.» |'Done.'",
        "Der Hund („Rex.“) |Er bellt. |»Ja.« |Nein.",
        "Bach, J. S. Bach, wrote it. |The U. S. Army and the U.S. Army of W.-B. Yeats.",
        "z. B. Wien und d. h. Graz am 3. Oktober. |1. Das Erste. |2. Das Zweite.",
        "Version 3.14 of example.com was 1.000,5 of it in 1990. |Then came more.",
        "what?! no. really... no! yes. and so on. |End.",
        "Eins.  |Zwei.\t|Drei.\u2028|Vier. |\x00Fünf.",
        "Monsieur.\u00a0Dupont arrive. |Il part.",  # a no-break space means what it says
        "今日は晴れです。|明日は？|「そうです。」|雨！|終わり",
        "他说。|“你好。”|好吗？！|走了……。|走了。",
        "هل هذا كتاب؟ |نعم. |هذا كتاب",
        "यह किताब है। |वह घर है।|हाँ। |ठीक",
        "Это дом. |А это?! |Да.",
        "이것은 책입니다. |저것은? |네.",
        "Is it so? |¿Es así? |¡Sí! |No.",
    ],
)
def test_cut_after_every_sentence(line: str) -> None:
    parts = line.split("|")
    assert split("".join(parts), max(letters(parts)), letters) == parts


@pytest.mark.parametrize(
    ("line", "most"),
    [
        ("one two, three four, |five six; seven: |eight nine", 4),  # as many clauses as fit
        ("one two – |three four", 4),
        ("one, two 1,000 12:30 3, |four five", 5),  # no clause ends inside a number
        ("one two three four |five, |six seven eight, nine", 4),  # a clause too long: between words
        ("Go on. |One two three, |four five, six. |End.", 3),
        ("  a  b  |c  ", 2),
    ],
)
def test_what_is_still_too_long_is_cut_in_clauses_and_between_words(line: str, most: int) -> None:
    parts = line.split("|")
    assert split("".join(parts), most, words) == parts


def test_clauses_without_white_space() -> None:
    assert split("一二三，四五、六七八；九", 7, letters) == ["一二三，四五、", "六七八；九"]
    assert split("one—two—three", 8, letters) == ["one—two—", "three"]
    assert split("ab\u00a0cd\u202fef gh", 6, letters) == ["ab\u00a0cd\u202fef ", "gh"]


@pytest.mark.parametrize(
    ("line", "most", "parts"),
    [
        ("abcdefgh", 4, ["abcd", "efgh"]),
        ("abcdefghi", 4, ["abc", "def", "ghi"]),
        ("e\u0301e\u0301e\u0301e\u0301", 5, ["e\u0301e\u0301", "e\u0301e\u0301"]),
        ("\U0001f469\u200d\U0001f4bb\U0001f44d\U0001f3fd", 3, ["\U0001f469\u200d\U0001f4bb", "\U0001f44d\U0001f3fd"]),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", 4, ["\u1112\u1161\u11ab", "\u1100\u1173\u11af"]),  # 한글, decomposed
        ("नमस्ते", 4, ["नम", "स्ते"]),
        ("e\u0301\u0302\u0303", 2, ["e\u0301", "\u0302\u0303"]),  # cannot be avoided
        ("abc", 1, ["a", "b", "c"]),
    ],
)
def test_a_word_too_long_is_cut_between_characters(line: str, most: int, parts: list[str]) -> None:
    assert split(line, most, letters) == parts


def test_a_character_that_is_too_long_stays() -> None:
    assert split("日本", 1, lambda texts: [3 * len(text) for text in texts]) == ["日", "本"]


@pytest.mark.parametrize("line", ["", " ", "A. B.", "One. Two. Three."])
def test_a_line_that_is_short_enough_stays_whole(line: str) -> None:
    assert split(line, 20, letters) == [line]


POOLS = [
    "ab ., ",
    "abcXYZ019 .!?…,;:–—'\")(“”„«»",
    "一二三四。！？，、；：「」“” a",
    "אבג ؟،۔ شسي। कखगािी्",
    "e\u0301\u0302\u200d\u200b\u00a0\u3000\u2028\x00\t\r\v\ufeff ",
    "\U0001f600\U0001f469\U0001f3fd\ufe0f\U0001f1e9\U0001f1ea a.",
]


@pytest.mark.parametrize("most", [1, 5, 40])
@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_lost_and_nothing_too_long(seed: int, most: int, pieces: Callable[[list[str]], list[int]]) -> None:
    rng = random.Random(seed)
    pool = POOLS[seed % (len(POOLS) + 1)] if seed % (len(POOLS) + 1) < len(POOLS) else None
    length = rng.randint(1, 300)
    any_text = (chr(rng.choice([*range(0x20, 0xD800, 7), *range(0xE000, 0x11000, 7)])) for _ in range(length))
    line = "".join(rng.choices(pool, k=length) if pool else any_text)
    for count in (letters, words, pieces):
        parts = split(line, most, count)
        assert "".join(parts) == line
        assert all(parts)
        assert all(size <= most or len(part) == 1 for size, part in zip(count(parts), parts, strict=True))
        if count([line])[0] <= most:
            assert parts == [line]


@pytest.mark.parametrize(
    ("begin", "again", "end"),
    [
        ("", "the dog, sees ", ""),
        ("", "a", ""),
        ("", "a. a. a. ", ""),
        ("", "Aa. ", ""),
        ("", ".", ""),  # what a careless pattern takes hours for
        (".", "“", ""),
        ("", ",", ""),
        ("", " ", "." * 1_000),
        ("a", "\u0301", ""),
    ],
    ids=["words", "letter", "initials", "sentences", "stops", "quotes", "commas", "spaces", "accents"],
)
@pytest.mark.parametrize("size", [200_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_long_line(begin: str, again: str, end: str, pieces: Callable[[list[str]], list[int]], size: int) -> None:
    line = begin + again * (size // len(again)) + end
    start = time.process_time()
    parts = split(line, 200, pieces)
    assert time.process_time() - start < size / 100_000  # one or two seconds for a million, on an idle machine
    assert "".join(parts) == line
    assert max(pieces(parts)) <= 200


def test_parts_are_as_full_as_they_can_be() -> None:
    parts = split("the dog " * 1000, 200, words)
    assert words(parts) == [200] * 10


@pytest.mark.parametrize(
    ("language", "line"),
    [("de", "Eins. Zwei."), ("ko", "Eins. Zwei."), ("zhx", "Eins. Zwei.")]
    + [(name, "Eins.Zwei.") for name in ("zh", "zh-CN", "zh_TW", "ja", "JA", "th", "lo", "km", "my", "zho_Hans")],
)
def test_join(language: str, line: str) -> None:
    assert join(["Eins.", "", "Zwei.", ""], language) == line
    assert join([], language) == join([""], language) == ""


def bounded(texts: list[str]) -> list[int]:
    """`letters` of somebody who cannot count more at once."""
    assert sum(map(len, texts)) <= LONG
    return letters(texts)


@pytest.mark.parametrize(
    "line",
    [
        "x" * 300_000,
        "the dog sees the cat " * 15_000,
        "The dog sees it. It barks! " * 12_000,
        "The dog, " * 40_000,
        "a\u0301" * 150_000,
        "\u0301" * 200_000,
        "今日は晴れです。" * 20_000,
        "k" * 200_000 + " end. " + "no " * 40_000 + "End.",
    ],
    ids=["word", "words", "sentences", "clauses", "accents", "marks", "no spaces", "mixed"],
)
def test_of_a_very_long_line_little_is_counted_at_once(line: str) -> None:
    parts = split(line, 1000, bounded)
    assert "".join(parts) == line
    assert max(letters(parts)) <= 1000
    if SENTENCE.search(line) is None:  # else each sentence is a part
        assert len(parts) < 1.3 * len(line) / 1000 + 20
    if "a\u0301" in line:
        assert all(part.startswith("a") for part in parts)


def test_a_very_long_line_is_cut_as_its_sentences_are() -> None:
    rng = random.Random(1)
    drawn = [" ".join(rng.choices(["dog,", "sees", "cat"], k=rng.randint(2, 90))) + ". " for _ in range(900)]
    line = "".join(one.capitalize() for one in drawn)
    assert len(line) > LONG
    assert split(line, 100, letters) == [part for one in drawn for part in split(one.capitalize(), 100, letters)]


def test_blocks_are_cut_where_it_does_no_harm() -> None:
    for unit in ("abcde ", "a\u0301", "🇩🇪", "👩\u200d💻"):
        text = unit * (2 * LONG // len(unit))
        made = list(blocks(text))
        assert "".join(made) == text
        assert 2 <= len(made) <= 4
        assert all(len(one) <= LONG and one.startswith(unit[:1]) for one in made)
    assert list(blocks("")) == [""]


def test_groups() -> None:
    assert list(groups(["aaa", "b", "cc", "dddddd", "e"], 4)) == [["aaa", "b"], ["cc"], ["dddddd"], ["e"]]
    assert list(groups([], 4)) == []
