"""What goes by a language's code: its script and letters, whether there are spaces between words, and BLEU's tokenizer.

The one table of codes. They are those of ISO 639-1, -2 (both) and -3, of any case, with script, region and the like
after a hyphen or an underscore: "zh", "chi", "ZH_cn", "zho_Hans", "jpn-Jpan". Of texts it only counts spaces.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

# Scripts (ISO 15924) that put no spaces between words, as people call them, and the languages that are written in them
# where a code does not say otherwise: likely subtags of Unicode CLDR, ISO 639-2's second codes, members of zho, and
# two that are no codes but are met as such (jp, cn). Every other language is taken to write spaces.
_UNSPACED = {
    "Hans": (
        "Chinese characters",
        "zh zho chi cmn cn cdo cjy cnp cpx csp czh czo gan hak hnm hsn luh ltc lzh mnp nan och sjc wuu yue",
    ),
    "Hant": ("Chinese characters", ""),
    "Hani": ("Chinese characters", ""),
    "Jpan": ("Japanese", "ja jpn jp ams ryu yoi"),
    "Hrkt": ("Japanese", ""),
    "Hira": ("Japanese", ""),
    "Kana": ("Japanese", ""),
    "Thai": (
        "Thai",
        "th tha bzi cbn cog kdt khf kjt kxm lcp lwl lwm mkm mlf mpz mra nyl nyw pht phu prt pww skb sou thm tts ugo "
        "urk yoy",
    ),
    "Laoo": ("Lao", "lo lao alk brv kjg kuf lbo ncq nev ngt oyb pho pnx sct sqq sss tth tto"),
    "Khmr": ("Khmer", "km khm brb krr krv okz pcb rka smu tpu xhm xkk"),
    "Mymr": (
        "Burmese",
        "my mya bur aio blk bwe csh csj dnu dnv hpo int jkp kht kjp ksu ksw kvq kvt kxf kxk mnw mwt obr omx pce phk "
        "pll pwo pyx rbb rki rmz shn tco tjl tvn yin zkn",
    ),
    "Tibt": (
        "Tibetan",
        "bo bod tib dz dzo adx bfu bkk bro cgk cna dka dre dzl ght goe jda jya kbg kgy khg kjz kkf lbj lkh luk lya muk "
        "neh npb ole otb sbu sgt sip spt tgf tsj twm xkf zau",
    ),
    "Lana": ("Tai Tham", "cuu kkh nod stu"),
    "Tale": ("Tai Le", "tdd thi"),
    "Talu": ("New Tai Lue", "khb"),
    "Tavt": ("Tai Viet", "blt soa tyr"),
    "Bali": ("Balinese", "kaw"),
    "Java": ("Javanese", "osi tes"),
}
_SCRIPTS = {code: script for script, (_, codes) in _UNSPACED.items() for code in codes.split()}
_HAN, _KANA = ("Hans", "Hant", "Hani"), ("Jpan", "Hrkt", "Hira", "Kana", "Hani")
_JAPANESE, _KOREAN = {"ja", "jpn", "jp"}, {"ko", "kor"}

# What languages are written in, by the first words of Unicode's names of letters: of the scripts above, and of others
# by code. A language that is in neither is not known.
_JAPANESE_LETTERS = ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK")
_LETTERS_OF_SCRIPT = {
    "Hans": ("CJK",),
    "Jpan": _JAPANESE_LETTERS,
    "Thai": ("THAI",),
    "Laoo": ("LAO",),
    "Khmr": ("KHMER",),
    "Mymr": ("MYANMAR",),
    "Tibt": ("TIBETAN",),
}
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
    ("ETHIOPIC",): "am ti",
    ("HANGUL", "CJK"): "ko",
}
_LETTERS_OF = {code: _LETTERS_OF_SCRIPT.get(script, ()) for code, script in _SCRIPTS.items()} | {
    code: letters for letters, codes in _WRITTEN.items() for code in codes.split()
}

# Marks that end a sentence without white space after them, whatever the language: East Asian, Arabic, Indic, Burmese,
# Khmer, Tibetan, Ethiopic, Armenian, Mongolian, Santali, Meetei, Javanese, Balinese.
ENDS = "。！？｡؟۔।॥။។៕།༎።፧፨։᠃᠉᱾᱿꯫꧉᭟"

# Letters of the scripts above; of them words have few, so even a word a line has less than this many between spaces.
_LETTERS = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua980-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_LONG_WORD, _LONG_ELSEWHERE = 6, 20
_LOOKED_AT = 2000  # lines
_NO_CODES = {"txt", "ref", "hyp", "out", "tok", "raw", "sys", "sgm", "src", "trg", "tgt", "new", "old", "bak"}


@dataclass(frozen=True)
class Language:
    """What a code says."""

    code: str
    """As it was given."""
    script: str
    """In words, where it puts no spaces between words; else ""."""
    tokenizer: str
    """BLEU's, by sacreBLEU's name; "char" where none of sacreBLEU's own fits."""
    joint: str
    """What stands between two sentences."""

    @property
    def spaced(self) -> bool:
        """Whether there are spaces between words."""
        return not self.script


def primary(code: str) -> str:
    """The language of a code, without script and region: "en" of "en_US", "EN-GB" and "EN"."""
    return re.split("[-_]", code, maxsplit=1)[0].lower()


def _split(code: str) -> tuple[str, str]:
    """The language of a code, and the script that it names; "": it names none."""
    first, *rest = re.split("[-_.@]", code.lower())
    return first, next((part.title() for part in rest if len(part) == 4 and part.isalpha()), "")


def letters_of(code: str) -> tuple[str, ...]:
    """The letters of a language, as Unicode's names of them begin; (): not known, or the code names a script itself."""
    first, script = _split(code)
    return () if script else _LETTERS_OF.get(first, ())


def language(code: str) -> Language:
    """What a code says; of an unknown one, that there are spaces between words."""
    first, named = _split(code)
    script = named or _SCRIPTS.get(first, "")
    tokenizer = "13a"
    if first in _KOREAN and script in ("", "Kore", "Hang"):
        tokenizer = "ko-mecab"
    elif first in _JAPANESE and script in _KANA:
        tokenizer = "ja-mecab"
    elif script in _HAN:
        tokenizer = "zh"
    elif script in _UNSPACED:
        tokenizer = "char"
    name = _UNSPACED[script][0] if script in _UNSPACED else ""
    # A Tibetan sentence ends with a stroke and a space.
    return Language(code, name, tokenizer, "" if name and script != "Tibt" else " ")


def in_name(name: str) -> str:
    """The code in a file's name: "zho_Hans" of "ref.zho_Hans" and of "ref.zho_Hans.v2.txt"; "" where there is none."""
    first, *endings = name.split(".")
    for part in reversed(endings or [first]):
        start = primary(part)
        if re.fullmatch("[a-z]{2,3}", start) and start not in _NO_CODES:
            return part
    return ""


def unspaced(letter: str) -> bool:
    """Whether a letter is of a script that puts no spaces between words."""
    return _LETTERS.match(letter) is not None


def hardly_spaced(lines: Iterable[str]) -> bool:
    """Whether what stands between spaces is much longer than words are, in the first lines of a text."""
    words = characters = letters = 0
    for line in islice(lines, _LOOKED_AT):
        found = line.split()
        words += len(found)
        characters += sum(map(len, found))
        if not line.isascii():
            letters += len(_LETTERS.findall(line))
    if 2 * letters >= characters:
        return characters > _LONG_WORD * words
    return characters > _LONG_ELSEWHERE * max(words, _LONG_WORD)
