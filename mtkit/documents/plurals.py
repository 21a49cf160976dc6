"""How many forms languages have for numbers of things, and which number takes which, as gettext writes it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_LONGEST, _DEEPEST = 1000, 20  # characters, and brackets inside each other
_MOST = 10  # forms that a language has
_LOOKED = 200  # numbers, of which each form of each language has some
_FORMS = re.compile(r"\s*nplurals\s*=\s*(\d{1,3})\s*;\s*plural\s*=\s*([^;\n]+);?")
_TOKEN = re.compile(r"\s*(\d{1,9}|n|\|\||&&|[=!<>]=|[-+*/%<>!?:()])")
_LEVELS: list[dict[str, Callable[[int, int], int]]] = [
    {"||": lambda a, b: int(bool(a or b))},
    {"&&": lambda a, b: int(bool(a and b))},
    {"==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b)},
    {
        "<": lambda a, b: int(a < b),
        ">": lambda a, b: int(a > b),
        "<=": lambda a, b: int(a <= b),
        ">=": lambda a, b: int(a >= b),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": lambda a, b: a // b, "%": lambda a, b: a % b},
]

_SLAVIC = "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
_OTHERS = "nplurals=2; plural=(n != 1);"
_OF_LANGUAGES = {
    "ja ko zh vi th id ms lo km my jv su bo dz": "nplurals=1; plural=0;",
    "fr pt_br oc ak am bh fil tl guw ln mg nso ti wa uz hi fa": "nplurals=2; plural=(n > 1);",
    "ru uk be sr hr bs": _SLAVIC,
    "pl": "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);",
    "cs sk": "nplurals=3; plural=(n==1) ? 0 : (n>=2 && n<=4) ? 1 : 2;",
    "lt": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && (n%100<10 || n%100>=20) ? 1 : 2);",
    "lv": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2);",
    "ro": "nplurals=3; plural=(n==1 ? 0 : (n==0 || (n%100 > 0 && n%100 < 20)) ? 1 : 2);",
    "sl": "nplurals=4; plural=(n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3);",
    "ga": "nplurals=5; plural=n==1 ? 0 : n==2 ? 1 : n<7 ? 2 : n<11 ? 3 : 4;",
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);",
}
_QUANTITIES = {  # of CLDR, beside those that most languages have
    "ja ko zh vi th id ms lo km my": ("other",),
    "ru uk be pl lt": ("one", "few", "many", "other"),
    "sr hr bs ro": ("one", "few", "other"),
    "cs sk": ("one", "few", "many", "other"),
    "lv": ("zero", "one", "other"),
    "sl": ("one", "two", "few", "other"),
    "ga": ("one", "two", "few", "many", "other"),
    "ar": ("zero", "one", "two", "few", "many", "other"),
}
_QUANTITIES_BY_CODE = {code: names for codes, names in _QUANTITIES.items() for code in codes.split()}
_BY_CODE = {code: forms for codes, forms in _OF_LANGUAGES.items() for code in codes.split()}


@dataclass(frozen=True)
class Plurals:
    """The forms of a language.

    Attributes:
        count: how many there are.
        text: as a catalogue says it.
        first: the form of one thing.
        alone: whether it is of no other number.
    """

    count: int
    text: str
    first: int
    alone: bool


def parsed(text: str) -> Plurals | None:
    """What `nplurals=2; plural=(n != 1);` says; None: nothing that can be understood."""
    found = _FORMS.match(text)
    if not found or len(text) > _LONGEST or not 1 <= int(found[1]) <= _MOST:
        return None
    try:
        forms = [_value(found[2], number) for number in range(_LOOKED)]
    except (ValueError, ZeroDivisionError, IndexError):
        return None
    if not all(0 <= form < int(found[1]) for form in forms):
        return None
    return Plurals(int(found[1]), text.strip(), forms[1], forms.count(forms[1]) == 1)


def of_language(code: str) -> Plurals:
    """The forms of a language; of one that is not known, one and many."""
    name = code.lower().replace("-", "_")
    found = parsed(_BY_CODE.get(name) or _BY_CODE.get(name.split("_")[0]) or _OTHERS)
    assert found is not None, "the table's lines can be understood"
    return found


def quantities(code: str) -> tuple[str, ...]:
    """CLDR's names of the forms of a language; of one that is not known, one and other."""
    return _QUANTITIES_BY_CODE.get(code.lower().replace("-", "_").split("_")[0], ("one", "other"))


def _value(expression: str, number: int) -> int:
    """What an expression of C is for a number.

    Raises:
        ValueError, IndexError: it is none.
    """
    tokens, at = list[str](), 0
    text = expression.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise ValueError(text[at:])
        tokens.append(found[1])
        at = found.end()
    if tokens.count("(") > _DEEPEST or tokens.count("?") > _DEEPEST or tokens.count("!") > _DEEPEST:
        raise ValueError(text)
    tokens.append("")
    place = 0

    def take(*wanted: str) -> str:
        nonlocal place
        if wanted and tokens[place] not in wanted:
            return ""
        place += 1
        return tokens[place - 1]

    def choice() -> int:
        asked = level(0)
        if not take("?"):
            return asked
        first = choice()
        if not take(":"):
            raise ValueError(expression)
        other = choice()
        return first if asked else other

    def level(depth: int) -> int:
        if depth == len(_LEVELS):
            return single()
        made = level(depth + 1)
        while sign := take(*_LEVELS[depth]):
            made = _LEVELS[depth][sign](made, level(depth + 1))
        return made

    def single() -> int:
        if take("!"):
            return int(not single())
        if take("("):
            made = choice()
            if not take(")"):
                raise ValueError(expression)
            return made
        token = take()
        return number if token == "n" else int(token)

    made = choice()
    if tokens[place]:
        raise ValueError(expression)
    return made
