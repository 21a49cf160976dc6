"""The Python API, as somebody who imports mtkit uses it."""

import logging
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from mtkit import Candidate, ConfigError, Sampling, Translation, Translator
from mtkit.schema import Decode
from mtkit.text.characters import is_text
from mtkit.translator.calls import BROKEN
from mtkit.translator.member import Member
from mtkit.translator.request import Line, Pair, Request
from tests.translator.small import LINES, LONGEST, decode, model_of, pieces, table, translator, written

LONG = "the red dog sees the cat. " * 4 + "one two three."


@pytest.fixture(scope="module")
def small() -> Any:
    return translator()


def test_a_string_is_a_line(small: Translator) -> None:
    one = small.translate(LINES[0])
    assert isinstance(one, Translation)
    assert one.source == LINES[0]
    assert str(one) == one.text == one.candidates[0].text
    assert [one] == small.translate([LINES[0]])


def test_lines_are_a_list_in_their_order(small: Translator) -> None:
    made = small.translate(LINES)
    assert [one.source for one in made] == LINES
    assert [bool(one.candidates) for one in made] == [bool(line) for line in LINES]
    for line, one in zip(LINES, made, strict=True):
        assert small.translate(line).text == one.text
    assert len({one.text for one in made}) == len(LINES)
    assert small.translate(line for line in LINES) == made
    assert small.translate(tuple(LINES)) == made
    assert small.translate([]) == []


def test_blank_lines_have_no_candidates(small: Translator) -> None:
    for blank in ("", " ", "\t"):
        assert small.translate(blank) == Translation(blank, [])
        assert small.translate(blank).text == ""
        assert small.translate(blank).score == 0.0


@pytest.mark.parametrize("wrong", [b"the dog", None, 7, 2.5])
def test_what_is_no_text(small: Translator, wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"a string or lines, got {type(wrong).__name__}"):
        small.translate(wrong)


@pytest.mark.parametrize("wrong", [b"the dog", None, 7])
def test_lines_that_are_no_text(small: Translator, wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"line 2 is no string but {type(wrong).__name__}"):
        small.translate(["the dog", wrong])


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_temperatures_that_are_none(small: Translator, temperature: float) -> None:
    with pytest.raises(ConfigError, match=f"temperature = {temperature}: expected a number above 0"):
        small.translate("the dog", sampling=Sampling(temperature))


@pytest.mark.parametrize("breaks", ["\n", "\r", "\r\n"])
def test_line_breaks(small: Translator, breaks: str) -> None:
    broken = f"the red{breaks}dog"
    made, plain = small.translate([broken, "the red dog"])
    assert made.source == broken
    assert made.warnings == [BROKEN]
    assert [(one.text, one.tokens) for one in made.candidates] == [(one.text, one.tokens) for one in plain.candidates]
    assert [one.score for one in made.candidates] == pytest.approx([one.score for one in plain.candidates], rel=1e-5)
    assert plain.warnings == []
    again = small.translate(broken)
    assert (again.source, again.text, again.warnings) == (made.source, made.text, made.warnings)
    ended = small.translate("the red dog" + breaks)
    assert (ended.text, ended.warnings) == (small.translate("the red dog").text, [])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"n_bset": 2}, ["n_bset", "n_best"]),
        ({"beamsize": 2}, ["beamsize", "beam_size"]),
        ({"aling": True}, ["aling", "align"]),
        ({"beam_size": 0}, ["beam_size", "0"]),
        ({"beam_size": "many"}, ["beam_size", "many"]),
        ({"precision": "int4"}, ["precision", "int4", "int8"]),
        ({"max_ratio": -1}, ["max_ratio"]),
        ({"n_best": 0}, ["n_best", "0"]),
        ({"n_best": 1.5}, ["n_best", "1.5"]),
        ({"n_best": 6}, ["n_best = 6", "beam of 5", "beam_size"]),
        ({"n_best": 3, "beam_size": 2}, ["n_best = 3", "beam of 2"]),
        ({"xyzzy": 1}, ["xyzzy", "beam_size", "n_best"]),
    ],
    ids=str,
)
def test_wrong_settings(small: Translator, wrong: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        small.translate("the red dog", **wrong)
    for word in words:
        assert word in str(error.value)
    assert "--" not in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "words"), [({"beamsize": 2}, ["beamsize", "beam_size"]), ({"beam_size": 0}, ["beam_size"])], ids=str
)
def test_wrong_settings_of_load(tmp_path: Path, wrong: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        Translator.load(written(tmp_path / "b"), **wrong)
    for word in words:
        assert word in str(error.value)


def test_settings_of_load(tmp_path: Path) -> None:
    folder = written(tmp_path / "b")  # max_ratio = 2 is the bundle's
    assert Translator.load(folder).asked == decode(max_ratio=2)
    asked = Translator.load(folder, decode=decode(beam_size=2, min_length=3), min_length=4).asked
    assert asked == decode(max_ratio=2, beam_size=2, min_length=4)


def test_settings_are_of_the_call(small: Translator) -> None:
    before = small.decode
    assert len(small.translate("one two", n_best=3, beam_size=3).candidates) == 3
    assert small.decode == before
    assert len(small.translate("one two").candidates) == 1


def test_it_does_not_change(small: Translator) -> None:
    with pytest.raises(AttributeError, match="decode"):
        small.decode = Decode()  # type: ignore[misc]
    with pytest.raises(AttributeError, match="asked"):
        small.asked = Decode()  # type: ignore[misc]


def test_without_attention() -> None:
    blind = translator(attention={"name": "none"})
    assert not blind.attends
    for asked in ({"align": True}, {"coverage_penalty": 0.2}):
        with pytest.raises(ConfigError, match=f"{next(iter(asked))} needs attention.*attention.name = none"):
            blind.translate("the red dog", **asked)
    with pytest.raises(ConfigError, match="align needs attention"):
        list(blind.forced([Pair("the dog", "der Hund")], align=True))
    assert blind.translate("the red dog").text


def test_n_best(small: Translator) -> None:
    made = small.translate("the red dog", n_best=5)
    scores = [one.score for one in made.candidates]
    assert len(made.candidates) == 5
    assert scores == sorted(scores, reverse=True)
    assert made.candidates[0].text == small.translate("the red dog").text


def test_sampling_goes_by_seed_and_place(small: Translator) -> None:
    drawn = small.translate(["one two"] * 3, n_best=7, sampling=Sampling(seed=4))
    assert [len(one.candidates) for one in drawn] == [7, 7, 7]  # more than the beam: that plays no part
    assert drawn[0] != drawn[1]
    alone = small.translate("one two", n_best=7, sampling=Sampling(seed=4))
    assert [one.tokens for one in alone.candidates] == [one.tokens for one in drawn[0].candidates]
    other = small.translate("one two", n_best=7, sampling=Sampling(seed=5))
    assert [one.tokens for one in other.candidates] != [one.tokens for one in drawn[0].candidates]


def test_details(small: Translator) -> None:
    best = small.translate("the red dog", details=True, align=True).candidates[0]
    assert best.token_logprobs is not None
    assert len(best.token_logprobs) == len(best.tokens) + 1
    assert best.logprob == pytest.approx(sum(best.token_logprobs), abs=1e-4)
    assert pieces().decode([pieces().names.index(piece) for piece in best.tokens]) == best.text
    plain = small.translate("the red dog").candidates[0]
    assert (plain.token_logprobs, plain.alignment, plain.attention, plain.source_tokens) == (None, None, None, None)


def test_as_json(small: Translator) -> None:
    made = small.translate("the red\ndog", n_best=2, align=True, details=True)
    best = made.candidates[0]
    assert made.as_json(3) == {
        "id": 3,
        "source": "the red\ndog",
        "translation": best.text,
        "score": best.score,
        "logprob": best.logprob,
        "tokens": best.tokens,
        "token_logprobs": best.token_logprobs,
        "nbest": [{"translation": one.text, "score": one.score, "logprob": one.logprob} for one in made.candidates],
        "alignment": best.alignment,
        "attention": best.attention,
        "source_tokens": best.source_tokens,
        "stride": 1,
        "warnings": [BROKEN],
        "origin": "model",
        "terms": [],
        "broken": [],
    }
    blank = Translation("", []).as_json()
    assert (blank["id"], blank["translation"], blank["nbest"], blank["tokens"]) == (0, "", [], [])


def test_attention_has_names(small: Translator) -> None:
    best = small.translate("the red dog", align=True).candidates[0]
    names = pieces()
    assert best.source_tokens == [*names.pieces(names.encode(["the red dog"])[0]), "</s>"]
    checked(best)


@pytest.mark.parametrize("stride", [2, 3])
def test_columns_of_a_convolution(stride: int) -> None:
    made, names = translator(conv=stride), pieces()
    lengths = set()
    for line in ("one", "one two", "one two three", "one two three four", "the red dog sees"):
        best = made.translate(line, align=True).candidates[0]
        spelt = [*names.pieces(names.encode([line])[0]), "</s>"]
        lengths.add(len(spelt) % stride)
        assert best.stride == stride
        assert best.source_tokens == ["".join(spelt[at : at + stride]) for at in range(0, len(spelt), stride)]
        checked(best)
    assert len(lengths) == stride  # of every remainder one


def test_a_line_in_parts(small: Translator) -> None:
    words = len(pieces().encode([LONG])[0])
    made, short = small.translate([LONG, "one two"], align=True, details=True)
    assert made.source == LONG
    (warning,) = made.warnings
    assert warning.startswith(f"{words} pieces are more than the {LONGEST} of the longest training sentence")
    assert short.warnings == []
    parts = int(warning.split()[-2])
    best = made.candidates[0]
    assert best.source_tokens is not None
    assert best.source_tokens.count("</s>") == parts > 1
    assert best.token_logprobs is not None
    assert len(best.token_logprobs) == len(best.tokens) + parts
    assert best.attention is not None
    assert len(best.attention) == len(best.tokens) + parts
    # Rows stand over the columns of their part alone, which are counted here up to each part's end.
    ends = [place for place, name in enumerate(best.source_tokens) if name == "</s>"]
    sizes = [end - start for start, end in zip([-1, *ends], ends, strict=False)]
    widths = [len(row) for row in best.attention]
    assert changes(widths) == changes(sizes)
    assert best.alignment is not None
    assert all(0 <= s < len(LONG.split()) and 0 <= t < len(best.text.split()) for s, t in best.alignment)
    both = small.translate(f"the\n{LONG}").warnings
    assert both[-1] == BROKEN
    assert [one.split(" ", 1)[1] for one in both[:-1]] == [warning.split(" ", 1)[1]]


def test_unequal_parts_of_a_convolution() -> None:
    """Each part's rows and columns are those that it has alone, though the second is shorter than the first."""
    made = translator(conv=2, longest=8)
    best = made.translate("the red dog. one.", align=True, min_length=3).candidates[0]
    first, second = (made.translate(part, align=True, min_length=3).candidates[0] for part in ("the red dog.", "one."))
    for one in (first, second):
        checked(one)
    assert best.source_tokens == [*first.source_tokens, *second.source_tokens]
    assert [len(row) for row in best.attention] == [len(row) for one in (first, second) for row in one.attention]
    assert len(first.source_tokens) != len(second.source_tokens)
    assert best.tokens == [*first.tokens, *second.tokens]
    assert best.text == f"{first.text} {second.text}"


def changes(numbers: list[int]) -> list[int]:
    """Without those that equal the one before."""
    return [number for number, before in zip(numbers, [0, *numbers], strict=False) if number != before]


def checked(best: Candidate) -> None:
    """Rows and columns are those of pieces and ends, and each row is a distribution."""
    assert best.attention is not None
    assert best.source_tokens is not None
    assert len(best.attention) == len(best.tokens) + 1
    for row in best.attention:
        assert len(row) == len(best.source_tokens)
        assert sum(row) == pytest.approx(1, abs=1e-5)


def test_forced(small: Translator) -> None:
    best = small.translate("the red dog", details=True).candidates[0]
    scored, blank = small.forced([Pair("the red dog", best.text), Pair("one", " ")])
    assert scored.candidates[0].text == best.text
    assert scored.candidates[0].logprob <= 0
    assert blank.candidates == []
    if scored.candidates[0].tokens == best.tokens:  # a text can be spelt in other pieces
        assert scored.candidates[0].logprob == pytest.approx(best.logprob, abs=1e-4)


def test_a_window_obeys_prefixes(small: Translator) -> None:
    made = list(small.window([Line("the red dog", "das"), Line("", "", 1), Line("one two", "", 2)]))
    assert made[0].text.startswith("das")
    assert made[1].candidates == []
    assert made[2].text == small.translate("one two").text


def test_loading_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = written(tmp_path / "b")
    with caplog.at_level(logging.INFO, "mtkit"):
        Translator.load(folder)
    assert [(one.name.split(".")[0], one.getMessage()) for one in caplog.records] == [("mtkit", f"loaded {folder}")]


def test_an_ensemble_needs_one_target_vocabulary(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one"), written(tmp_path / "two", seed=5)
    both = Translator.load(one, two)
    assert both.translate(LINES) == both.translate(LINES)
    texts = {tuple(str(some) for some in made.translate(LINES)) for made in (both, *map(Translator.load, (one, two)))}
    assert len(texts) == 3
    other = pieces(byte_fallback=False)
    first = Member(model_of(table(), pieces()), pieces(), pieces(), LONGEST, name="first")
    second = Member(model_of(table(), other), other, other, LONGEST, name="second")
    with pytest.raises(ConfigError, match="second and first have different target tokenizers"):
        Translator([first, second], Decode(), ("en", "de"))


def test_pickled(tmp_path: Path) -> None:
    made = Translator.load(written(tmp_path / "b"), written(tmp_path / "c", seed=4), beam_size=3, length_penalty=0.5)
    again = pickle.loads(pickle.dumps(made))
    assert again.decode == made.decode
    assert (again.source_lang, again.target_lang) == ("en", "de")
    request: dict[str, Any] = {"n_best": 3, "align": True, "details": True}
    assert again.translate(LINES, **request) == made.translate(LINES, **request)


def test_threads() -> None:
    """One translator, six threads at once, each with settings of its own: each gets what it gets alone."""
    shared = translator()
    asked: list[dict[str, Any]] = [
        {"precision": "fp32"},
        {"precision": "bf16", "beam_size": 2},
        {"precision": "int8", "beam_size": 3, "n_best": 2},
        {"precision": "fp32", "align": True, "details": True, "length_penalty": 0.2},
        {"precision": "int8", "beam_size": 1, "min_length": 4},
        {"sampling": Sampling(seed=3), "n_best": 2},
    ]
    lines = LINES * 3
    alone = [translator().translate(lines, **settings) for settings in asked]
    made: list[Any] = [None] * len(asked)
    ready = threading.Barrier(len(asked))

    def work(place: int) -> None:
        ready.wait()
        made[place] = [shared.translate(lines, **asked[place]) for _ in range(3)]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for settings, wanted, got in zip(asked, alone, made, strict=True):
        assert got == [wanted] * 3, settings
    assert len({str([one.text for one in some]) for some in alone}) > 3  # the settings do tell


def test_translations_come_window_by_window(small: Translator) -> None:
    read: list[str] = []

    def lines() -> Any:
        for line in LINES * 400:
            read.append(line)
            yield line

    first = next(small.translations(lines(), small.decode, Request()))
    assert first.text == small.translate(LINES[0]).text
    assert len(read) == 1024


@pytest.mark.parametrize("settings", [{"beam_size": 1}, {"n_best": 5}, {"sampling": Sampling(3.0, 0, 2), "n_best": 20}])
def test_what_comes_out_is_text(settings: dict[str, Any]) -> None:
    """Of a model that says bytes by chance, many at the greatest length, where a character may be cut."""
    words = pieces()
    model = model_of(table(), words)
    several = [i for i, name in enumerate(words.names) if name.startswith("<0x") and int(name[1:-1], 16) > 0x7F]
    model.output.bias_V.data[several] += 3
    made = Translator([Member(model, words, words, LONGEST)], Decode(), ("en", "de"))
    found = [one for some in made.translate(LINES, **settings, max_ratio=0.1) for one in some.candidates]
    assert any(one.tokens[-1] == f"<0x{byte:02X}>" for one in found for byte in range(0xC2, 0xF5) if one.tokens)
    assert all(is_text(one.text) and one.text == one.text.rstrip() for one in found)
    assert any(character > "\x7f" for one in found for character in one.text)
