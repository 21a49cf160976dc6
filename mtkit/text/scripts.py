"""Which letters a language is written in. Names of scripts are those that Unicode's names of characters begin with."""

LETTERS = 100  # at least, to say of a text that it is in another script

_WRITTEN: dict[tuple[str, ...], str] = {
    ("LATIN",): "en de fr es it pt nl sv da no nb nn fi et lv lt pl cs sk sl hr hu ro sq tr is ga cy eu ca gl mt af sw "
    "id ms vi tl haw la eo lb br so zu xh yo ig ha rw",
    ("CYRILLIC",): "ru uk be bg mk ky tg kk mn ba tt cv",
    ("CYRILLIC", "LATIN"): "sr bs uz az tk",
    ("GREEK",): "el",
    ("ARMENIAN",): "hy",
    ("GEORGIAN",): "ka",
    ("HEBREW",): "he yi",
    ("ARABIC",): "ar fa ur ps sd ug ckb",
    ("DEVANAGARI",): "hi mr ne sa",
    ("BENGALI",): "bn as",
    ("GUJARATI",): "gu",
    ("TAMIL",): "ta",
    ("TELUGU",): "te",
    ("KANNADA",): "kn",
    ("MALAYALAM",): "ml",
    ("SINHALA",): "si",
    ("THAI",): "th",
    ("LAO",): "lo",
    ("KHMER",): "km",
    ("MYANMAR",): "my",
    ("TIBETAN",): "bo dz",
    ("ETHIOPIC",): "am ti",
    ("HANGUL", "CJK"): "ko",
    ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK"): "ja",
    ("CJK",): "zh yue",
}
_SCRIPTS = {code: scripts for scripts, codes in _WRITTEN.items() for code in codes.split()}


def scripts_of(language: str) -> tuple[str, ...]:
    """The scripts of a language; (): it is not known, or its code names a script of its own."""
    code, *rest = language.lower().replace("_", "-").split("-")
    if any(len(part) == 4 and part.isalpha() for part in rest):
        return ()
    return _SCRIPTS.get(code, ())
