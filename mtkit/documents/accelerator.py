"""Keys of menus: the sign before a letter, as in _Open or E&xit, is taken out of a text and put into its translation.

Before the same letter, if the translation has it, else before its first one. Must not know any format.
"""

import re

LONGEST = 60  # characters of what a menu or a button says
_SIGN = re.compile(r"[_&](?=[^\W\d_])")
_REFERENCE = re.compile(r"&\w+;")
_WORD = re.compile(r"[^\W\d_][\w]*")


def taken(text: str) -> tuple[str, str]:
    """A text without the sign, and the sign with its letter; "": there is none.

    More than one is none, and so are some_name, AT&T, and references of HTML.
    """
    found = list(_SIGN.finditer(text)) if "_" in text or "&" in text else []
    if len(found) != 1 or len(text) > LONGEST or text.count(found[0][0]) > 1 or _REFERENCE.search(text):
        return text, ""
    at = found[0].start()
    word = text[:at].split(" ")[-1]
    if word[-1:].isalnum() and not (word[0].isupper() and text[at + 1].islower()):
        return text, ""
    return text[:at] + text[at + 1 :], text[at : at + 2]


def put(text: str, sign: str) -> str:
    """A translation with the sign before one of its letters; as it is, where there is no sign or no letter."""
    if not sign:
        return text
    letter = sign[1].lower()
    words = list(_WORD.finditer(text))
    places = [one.start() for one in words if one[0][0].lower() == letter]
    places += [at for at, one in enumerate(text) if one.lower() == letter] + [one.start() for one in words]
    return text[: places[0]] + sign[0] + text[places[0] :] if places else text
