"""The page of what is to be looked at."""

from mtkit.report.review import page


def test_the_worst_come_first_and_nothing_is_markup() -> None:
    def one(where: str, written: bool, *warnings: str) -> dict[str, object]:
        return {"where": where, "source": "<b>", "translation": "<i>", "written": written, "warnings": list(warnings)}

    some = [one("line 1", True, "odd"), one("line 2", True, "odd", "odder"), one("line 3", False, "lost")]
    text = page([{"file": "a.po", "translated": 1200, "kept": 3, "look": 3, "segments": some}])
    assert "<title>To be looked at: 3 segments</title>" in text
    assert [text.index(f"<td>line {number}</td>") for number in (3, 2, 1)] == sorted(
        text.index(f"<td>line {number}</td>") for number in (1, 2, 3)
    )
    assert "translated: 1,200" in text
    assert '<td dir="auto">&lt;b&gt;</td>' in text
    assert text.count("not written:") == 1
    empty = page([{"file": "a", "translated": 1, "kept": 0, "look": 0, "segments": []}])
    assert "<table>" not in empty
