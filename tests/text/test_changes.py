"""Pairs as they also come: worked by hand, by all that one error can make of a word, and with spans left alone."""

import re
from collections import Counter

import pytest

from mtkit.text import mistyped, passing, spans
from mtkit.text.changes import BOTH, NAMES, SOURCE, Changes, unmarked
from mtkit.text.draws import Draws
from mtkit.text.fold import fold

EN_DE = Changes(("en", "de"))
PAIR = ("The big dog sees the cat, and finds it.", "Der große Hund sieht die Katze, und findet sie.")


def one(pair: tuple[str, str], *names: str, seed: int = 0, changes: Changes = EN_DE) -> tuple[str, str]:
    return changes([pair], names, Draws(seed))


def mistakes(word: str) -> set[str]:
    """All that one error makes of a word, with the keys around a few letters written down by hand."""
    around = {"d": "serfxc", "o": "iklp", "g": "ftyhbv", "s": "awedzx", "e": "wrsd", "n": "bhjm", "a": "qwsz"}
    found = {word[:i] + word[i + 1 :] for i in range(len(word))}
    found |= {word[:i] + word[i] + word[i:] for i in range(len(word))}
    found |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)} - {word}
    return found | {word[:i] + near + word[i + 1 :] for i, a in enumerate(word) for near in around.get(a, "")}


def test_names_are_those_of_one_side_or_of_both() -> None:
    assert sorted(NAMES) == sorted(BOTH + SOURCE)


def test_typing_errors_are_one_a_word() -> None:
    keys = mistyped.neighbours("en")
    made = Counter(mistyped.typos("dog", keys, Draws(seed)) for seed in range(3000))
    assert set(made) == mistakes("dog")  # all of them, nothing else, and never the word as it was
    assert mistyped.typos("of it", keys, Draws(1)) == "of it"  # too short for one
    line = " ".join(["sends"] * 40)
    for seed in range(20):
        words = mistyped.typos(line, keys, Draws(seed)).split(" ")
        wrong = [word for word in words if word != "sends"]
        assert len(words) == 40
        assert 1 <= len(wrong) <= 14
        assert set(wrong) <= mistakes("sends")
    assert mistyped.typos("DOG", {"d": "s", "o": "s", "g": "s"}, Draws(1)).isupper()


@pytest.mark.parametrize(
    ("language", "letter", "expected"),
    [("en", "y", "tugh"), ("de_AT", "z", "tugh"), ("fr", "a", "zq"), ("ru", "к", "уепва"), ("ko", "q", "wa")],
)
def test_keyboards(language: str, letter: str, expected: str) -> None:
    assert set(mistyped.neighbours(language)[letter]) >= set(expected[:2])
    assert all(letter in mistyped.neighbours(language)[near] for near in mistyped.neighbours(language)[letter])


@pytest.mark.parametrize(
    "line", ["٦٦٦ كتاب كبير", "हिन्दी में लिखा", "ภาษาไทย", "안녕하세요 세계", "日本語の文", "", "…", "e\u0301te\u0301s"]
)
def test_no_script_is_too_much(line: str) -> None:
    keys = mistyped.neighbours("ar")
    for seed in range(20):
        mistyped.typos(line, keys, Draws(seed))
        mistyped.spaces(line, Draws(seed))
        for name in NAMES[1:]:
            one((line, line), name, seed=seed)


def test_words_with_vowel_signs_are_left_alone() -> None:
    assert {mistyped.typos("हिन्दी", {}, Draws(seed)) for seed in range(20)} == {"हिन्दी"}


def test_spaces_come_and_go() -> None:
    made = {mistyped.spaces("a bit, so", Draws(seed)) for seed in range(200)}
    assert {"abit, so", "a bit,so", "a bit , so"} <= made
    assert "a bit, so" not in made
    assert {text.replace(" ", "") for text in made} == {"abit,so"}
    assert {mistyped.spaces("word", Draws(seed)) for seed in range(50)} == {"w ord", "wo rd", "wor d"}


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("It is.", "So ist es."), ("It is", "So ist es")),
        (("Is it? ", "좋아요?"), ("Is it", "좋아요")),
        (("好的。", "Good."), ("好的", "Good")),
        (("It is.", "So ist es"), None),  # neither side alone
        (("Is it?", "So ist es."), None),
        (("Made in U.S.", "Aus den U.S."), None),
        (("And so on...", "Und so weiter..."), None),
        (("A.", "B."), None),
    ],
)
def test_final_marks(pair: tuple[str, str], expected: tuple[str, str] | None) -> None:
    assert unmarked(pair) == (expected or pair)
    assert one(pair, "unmarked") == (expected or pair)


def test_cases() -> None:
    assert one(("the street", "die Straße"), "upper") == ("THE STREET", "DIE STRASSE")
    assert one(("the street", "die Straße"), "title") == ("The Street", "Die Straße")
    turkish = Changes(("en", "tr"))
    assert one(("it is", "iki ışık"), "upper", changes=turkish) == ("IT IS", "İKİ IŞIK")
    assert one(("it is", "iki (ikiz)"), "title", changes=turkish) == ("It Is", "İki (İkiz)")


def test_joined_pairs() -> None:
    first, second = ("One.", "一。"), ("Two.", "二。")
    assert Changes(("en", "zh"))([first, second], ["join"], Draws(0)) == ("One. Two.", "一。二。")
    assert Changes(("en", "zh"))([first, second], ["join", "upper"], Draws(0)) == ("ONE. TWO.", "一。二。")


SPANS = "open {file} at https://a.example.org/x, then press <b>%s</b> or %(name)s"


@pytest.mark.parametrize("name", NAMES[1:])
def test_spans_are_never_changed(name: str) -> None:
    before = [span.text for span in spans.find(SPANS)]
    assert len(before) >= 5
    for seed in range(60):
        source, target = one((SPANS, SPANS), name, seed=seed)
        for side in (source, target):
            left = Counter(span.text for span in spans.find(side))
            assert not Counter(before) - left, (seed, side)
    upper = "OPEN {file} AT https://a.example.org/x, THEN PRESS <b>%s</b> OR %(name)s"
    assert one((SPANS, SPANS), "upper") == (upper, upper)


def test_private_characters_of_a_text_are_its_own() -> None:
    pair = ("the \U000f0000 {dog}", "x y")
    assert one(pair, "upper") == pair


@pytest.mark.parametrize("name", SOURCE)
def test_errors_are_the_sources(name: str) -> None:
    for seed in range(20):
        source, target = one(PAIR, name, seed=seed)
        assert source != PAIR[0]
        assert target == PAIR[1]


@pytest.mark.parametrize("name", ["emoji", "urls", "placeholders"])
def test_what_is_put_beside_is_the_same_on_both_sides(name: str) -> None:
    seen, ends = set(), Counter[str]()
    for seed in range(400):
        source, target = one(PAIR, name, seed=seed)
        around = source.split(PAIR[0])
        assert around == target.split(PAIR[1])
        assert len(around) == 2
        seen.add("".join(around).strip())
        ends["begin" if not around[1] else "end" if not around[0] else "around"] += 1
        assert fold(source) == source
        if name != "emoji":
            assert spans.find("".join(around)), around  # what a translator passes through
    assert len(seen) > 40
    assert ends["begin"] > 40
    assert ends["end"] > 100
    assert (ends["around"] > 80) == (name == "placeholders")


def test_every_emoji_and_placeholder_is_one() -> None:
    assert [sign for sign in passing.EMOJI if fold(sign) != sign] == []
    forms = [form.replace("NAME", "name").replace("ENTRY", "3") for form in passing.ALONE_FORMS]
    assert [form for form in forms if [span.text for span in spans.find(f"a {form} b")] != [form]] == []
    for opening, closing in passing.AROUND_FORMS:
        assert len(spans.find(f"{opening}a{closing}")) == 2


def test_draws_are_a_function_of_their_seed() -> None:
    both = [name for name in NAMES if name != "join"]
    assert one(PAIR, *both, seed=3) == one(PAIR, *both, seed=3)
    assert len({one(PAIR, *both, seed=seed) for seed in range(20)}) == 20
    drawn = [Draws(seed).some(range(10), 0.1) for seed in range(500)]
    assert min(map(len, drawn)) == 1
    assert 0.9 < sum(map(len, drawn)) / 500 < 1.6  # 1, and 0.35 for those that would have had none
    assert Draws(1).some([], 0.5) == []
    assert re.fullmatch("[abc]{9}", "".join(Draws(7).pick("abc") for _ in range(9)))
