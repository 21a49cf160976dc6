"""Files scored by the language that a suffix names, and shown meanwhile."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import pytest

from mtkit.jobs.evaluate import Result, score_files
from mtkit.jobs.info import _tokenizer

T = TypeVar("T")
CHINESE, THAI = "我喜欢吃苹果。\n今天天气很好。\n", "ฉันชอบกินแอปเปิล\nวันนี้อากาศดีมาก\n"


class Counted:
    """Notes what is shown, and how many of it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, str]] = []

    def follow(self, what: str, items: Iterable[T], total: int, of: str) -> Iterable[T]:
        yield from items
        self.seen.append((what.split()[0], total, of))


def scored(folder: Path, reference: str, text: str, *metrics: str, tokenize: str = "auto") -> Result:
    (folder / "hyp").write_text(text, encoding="utf-8")
    (folder / reference).write_text(text, encoding="utf-8")
    metrics = metrics or ("bleu",)
    (result,) = score_files([folder / "hyp"], [folder / reference], metrics=list(metrics), tokenize=tokenize)
    return result


@pytest.mark.parametrize("code", ["zh", "cmn", "zho_Hans", "yue.txt", "ZHO-hant", "wuu.v2"])
def test_chinese_by_whatever_code(code: str, tmp_path: Path) -> None:
    result = scored(tmp_path, f"ref.{code}", CHINESE)
    assert "tok:zh" in result.scores[0].signature
    assert result.warnings == []


@pytest.mark.parametrize("code", ["th", "tha_Thai", "lo", "khm", "mya_Mymr", "bod"])
def test_what_has_no_tokenizer_is_scored_over_characters(code: str, tmp_path: Path) -> None:
    result = scored(tmp_path, f"ref.{code}", THAI)
    assert "tok:char" in result.scores[0].signature
    (warning,) = result.warnings
    assert warning.startswith(f"{code} is written without spaces between words (")


@pytest.mark.parametrize(
    ("name", "tokenize"), [("ref", "auto"), ("ref.qqq", "auto"), ("ref.de", "auto"), ("ref.th", "13a")]
)
def test_words_are_not_counted_in_silence_where_there_are_no_spaces(name: str, tokenize: str, tmp_path: Path) -> None:
    result = scored(tmp_path, name, THAI, tokenize=tokenize)
    assert "tok:13a" in result.scores[0].signature
    (warning,) = result.warnings
    assert "have hardly a space, but BLEU (tokenize = 13a)" in warning


def test_slow_metrics_are_followed_line_by_line_and_told_in_order(tmp_path: Path) -> None:
    watcher = Counted()
    for name in ("hyp", "ref.de"):
        (tmp_path / name).write_text("ein Hund bellt laut\nja\n")
    given = [tmp_path / "hyp"], [tmp_path / "ref.de"]
    (result,) = score_files(*given, metrics=["ter", "bleu", "chrf"], tokenize="auto", watcher=watcher)
    assert [(score.name, score.score) for score in result.scores] == [
        ("ter", 0),
        ("bleu", pytest.approx(100)),
        ("chrf", 100),
    ]
    assert watcher.seen == [("scoring", 2, "metrics"), ("scoring", 2, "lines")]


def test_info_says_what_bleu_is_computed_with() -> None:
    assert [_tokenizer("auto", code) for code in ("de", "zho_Hans", "zh_Latn")] == ["13a", "zh", "13a"]
    assert _tokenizer("auto", "lo").startswith("char (lo is written without spaces")
