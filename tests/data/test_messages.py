"""`data/build` joins the messages of two programs rightly. It reads Fluent with Mozilla's library: the extra `data`."""

import zipfile
from pathlib import Path

import pytest

pytest.importorskip("fluent.syntax", reason="Fluent is read by fluent.syntax: pip install fluent.syntax")

from data.build import fluent, mozilla
from data.build.pairs import Pair

pytestmark = pytest.mark.system

ENGLISH = """
-brand = Post
-named = { $case ->
   *[nominative] Account
    [genitive] Account’s
}
plain = Open { -brand }
    .accesskey = O
    .label = { plain } now
count = { $count ->
    [one] { $count } tab
   *[other] { NUMBER($count, style: "decimal") } tabs
}
given = The { -named(case: "genitive") } name{ " " }
where = { PLATFORM() ->
    [macos] Preferences
   *[other] Settings
}
lost = { -nothing }
"""


def test_references_are_followed_and_variables_kept() -> None:
    known = fluent.patterns(ENGLISH)
    read = {name: fluent.text(known[name], known) for name in known if name != "lost"}
    assert read == {
        "-brand": "Post",
        "-named": "Account",
        "plain": "Open Post",
        "plain.accesskey": "O",
        "plain.label": "Open Post now",
        "count": "{ $count } tabs",
        "given": "The Account’s name ",
        "where": "Settings",
    }
    with pytest.raises(fluent.UnresolvedError, match="-nothing"):
        fluent.text(known["lost"], known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('See <a data-l10n-name="x">this</a>.<br/>Then go', "See this. Then go"),
        ("<p>One</p><p>Two &amp; three</p>", "One Two & three"),
        ("&Edit", "Edit"),
        ("편집(&E)", "편집"),
        ("Copies & Folders", "Copies & Folders"),
        ("a\u00adb\n  c", "ab c"),
    ],
)
def test_markup_and_marks_of_keys_are_removed(text: str, expected: str) -> None:
    assert mozilla.clean(text) == expected


def test_marked_letters_are_told_by_the_english_side() -> None:
    assert mozilla.pair_of("_Nick name", "Spitz_name") == ("Nick name", "Spitzname")
    assert mozilla.pair_of("_Server", "서버(_S)") == ("Server", "서버")
    assert mozilla.pair_of("Send m.room.server_acl", "m.room.server_acl senden") == (
        "Send m.room.server_acl",
        "m.room.server_acl senden",
    )


def archive(path: Path, files: dict[str, str]) -> None:
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)


def test_programs_are_joined_with_their_languages(tmp_path: Path) -> None:
    archive(
        tmp_path / "en/lib/omni.ja",
        {
            "localization/en-US/a.ftl": "-brand = Post\ntop = Write { -brand }\n    .accesskey = W\n    .title = A tip",
            "chrome/en-US/locale/en-US/b.properties": "one=Close %S\ntwo=Only here\nkey.accesskey=Cc",
            "chrome/en-US/locale/en-US/c.dtd": '<!ENTITY word "Some word"><!ENTITY mark "1 &lt; word">',
            "modules/x.js": "no text",
        },
    )
    archive(tmp_path / "en/lib/browser/omni.ja", {"localization/en-US/a.ftl": "other = The other file"})
    archive(
        tmp_path / "de/pack.xpi",
        {
            "localization/de/a.ftl": "-brand = Post\ntop = { -brand } schreiben\n    .accesskey = s\n    .title = Tipp",
            "browser/localization/de/a.ftl": "other = Die andere Datei",
            "chrome/de/locale/de/b.properties": "one=%S schließen\nkey.accesskey=Dd",
            "chrome/de/locale/de/c.dtd": '<!ENTITY word "Ein Wort"><!ENTITY mark "1 &lt; Wort">',
        },
    )
    assert mozilla.read(tmp_path / "en", tmp_path / "de", "de") == [
        Pair("A tip", "Tipp"),
        Pair("Close %S", "%S schließen"),
        Pair("Some word", "Ein Wort"),
        Pair("The other file", "Die andere Datei"),
        Pair("Write Post", "Post schreiben"),
    ]
