"""The page on a text before training."""

import re
from dataclasses import replace

from mtkit.report.audit import AuditFacts, RuleFacts, page


def facts(corpora: int = 2) -> AuditFacts:
    def rule(name: str, *pairs: int, twice: bool = False) -> RuleFacts:
        sample = (("<b>one", "eins & zwei"), ("two", "x" * 1000))[: 2 if twice else 1]
        samples = tuple(((sample,) if count else ()) for count in pairs)
        return RuleFacts(name, f"{name} = true", f"What {name} does.", pairs, samples)

    some = AuditFacts(
        (("en", "de"), ("en", "de")),
        ("web", "own"),
        (1000, 200),
        (rule("numbers", 100, 0), rule("near_duplicates", 1, 1, twice=True), rule("spans", 0, 0)),
        (rule("html", 3, 0),),
        (rule("script", 2, 1), rule("language", 30, 1), rule("max_marks", 0, 0)),
        True,
        ("<odd>",),
    )
    if corpora == 2:
        return some

    def cut(rules: tuple[RuleFacts, ...]) -> tuple[RuleFacts, ...]:
        return tuple(replace(one, pairs=one.pairs[:1], samples=one.samples[:1]) for one in rules)

    dropped, repaired, off = map(cut, (some.dropped, some.repaired, some.off))
    return replace(
        some, corpora=("web",), read=(1000,), dropped=dropped, repaired=repaired, off=off, by_pieces=False, notes=()
    )


def test_counts_and_samples() -> None:
    html = page(facts())
    assert "<title>The text before training: 1,098 of 1,200 pairs stay</title>" in html
    rows = {
        re.sub("<.*?>", "", row[0]): row[1:]
        for row in (re.findall(r"<t[hd].*?>(.*?)</t[hd]>", line) for line in html.split("\n") if "<tr><th" in line)
        if row
    }
    assert rows["numbers"] == ["100 (10.0%)", "0 (0.0%)", "100 (8.3%)"]
    assert rows["pairs read"] == ["1,000", "200", "1,200"]
    assert rows["pairs that stay"] == ["899 (89.9%)", "199 (99.5%)", "1,098 (91.5%)"]
    assert "spans" not in rows
    assert "On, and dropped nothing: <code>spans = true</code>" in html
    assert "Off, and would find nothing: <code>max_marks = true</code>" in html
    assert html.index("<h3>language</h3> 31 pairs") < html.index("<h3>script</h3> 3 pairs")
    assert "&lt;b&gt;one" in html
    assert "<b>" not in html
    assert "&lt;odd&gt;" in html
    assert html.count(">goes</td>") == 2
    assert "x" * 401 not in html


def test_of_one_corpus_there_is_one_column() -> None:
    html = page(facts(1))
    assert '<tr><th scope="row">pairs read</th><td class="number">1,000</td></tr>' in html
    assert "is known when there is a tokenizer" in html
    assert "is known when there is a tokenizer" not in page(facts())
