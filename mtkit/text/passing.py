"""What goes through a translation as it is, put beside both sides of a pair: emoji, addresses, placeholders and tags.

At the beginning or at the end, or around all of it: places that match without anybody knowing which words do.
"""

from mtkit.text.draws import Draws
from mtkit.text.readers.reader import Pair

FIRST = 0.3  # share of what stands at the beginning
GLUED = 0.2  # share of emoji without a space before them
ALONE = 0.7  # share of emoji that come as one

EMOJI = [
    "😀",
    "😂",
    "🤣",
    "😊",
    "😍",
    "😘",
    "😉",
    "😎",
    "😢",
    "😭",
    "😡",
    "😱",
    "🤔",
    "🙄",
    "😅",
    "😴",
    "🤗",
    "🥰",
    "🥳",
    "🙈",
    "👍",
    "👎",
    "👏",
    "🙏",
    "💪",
    "👋",
    "👌",
    "🤝",
    "✌️",
    "❤️",
    "💔",
    "💯",
    "🔥",
    "✨",
    "🎉",
    "🎁",
    "🎂",
    "🌟",
    "⭐",
    "☀️",
    "🌈",
    "🌸",
    "🌍",
    "🍕",
    "☕",
    "🍺",
    "🚀",
    "🚗",
    "✈️",
    "🏠",
    "📷",
    "📱",
    "💻",
    "📧",
    "📅",
    "📌",
    "✅",
    "❌",
    "⚠️",
    "❗",
    "❓",
    "➡️",
    "⬇️",
    "👉",
    "🐱",
    "🐶",
    "👍🏽",
    "👩\u200d💻",
    "🇩🇪",
    "🇰🇷",
    ":-)",
    ":)",
    ";-)",
    ":D",
]

SYLLABLES = [
    "ba",
    "be",
    "da",
    "do",
    "fa",
    "ga",
    "go",
    "ha",
    "jo",
    "ka",
    "ki",
    "la",
    "le",
    "lo",
    "ma",
    "me",
    "mo",
    "na",
    "ne",
    "no",
    "pa",
    "po",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "so",
    "ta",
    "te",
    "ti",
    "to",
    "va",
    "vo",
    "web",
    "net",
    "app",
    "data",
    "doc",
    "blog",
    "shop",
    "news",
]
ENDS = ("com", "org", "net", "io", "eu", "de", "co.uk", "gov", "info", "kr")
NAMES = ("name", "count", "user", "file", "date", "total", "size", "page", "title", "version", "user_id", "fileName")
ALONE_FORMS = [
    "{NAME}",
    "{{NAME}}",
    "%(NAME)s",
    "${NAME}",
    "%s",
    "%d",
    "%1$s",
    "%@",
    "{0}",
    "{1}",
    "$NAME",
    "%NAME%",
    "<br/>",
    "<br>",
    "<ENTRY/>",
    "&nbsp;",
    "__NAME__",
]
AROUND_FORMS = tuple(
    (f"<{tag}>", f"</{tag.split()[0]}>") for tag in ("b", "i", "em", "strong", "span", "u", "code", 'a href="URL"')
)
AROUND = 0.4  # share of placeholders that are two tags, around all of it
NUMBERS = 9  # of markup that has become numbers, as documents have it


def emoji(pair: Pair, draws: Draws) -> Pair:
    """A pair with emoji at one end of both sides: one, two or three of a kind, or two kinds."""
    sign = draws.pick(EMOJI)
    written = sign.isascii()  # of signs of punctuation, which need their spaces
    if draws.share() >= ALONE:
        again, other = 2 + draws.below(2), draws.pick(EMOJI)
        sign = f"{sign} {other}" if written or draws.share() < 0.5 else sign * again
    glued = draws.share() < GLUED and not written
    return _beside(pair, sign, draws, "" if glued else " ")


def urls(pair: Pair, draws: Draws) -> Pair:
    """A pair with an address of the web or of mail at one end of both sides."""
    return _beside(pair, _address(draws), draws)


def placeholders(pair: Pair, draws: Draws) -> Pair:
    """A pair with a placeholder at one end of both sides, or in tags, those numbered among them that documents have."""
    number, name = str(1 + draws.below(NUMBERS)), draws.pick(NAMES)
    if draws.share() < AROUND:
        forms = ((f"<{number}>", f"</{number}>"), draws.pick(AROUND_FORMS))
        opening, closing = draws.pick(forms)
        if "URL" in opening:
            opening = opening.replace("URL", _address(draws))
        return f"{opening}{pair[0]}{closing}", f"{opening}{pair[1]}{closing}"
    return _beside(pair, draws.pick(ALONE_FORMS).replace("NAME", name).replace("ENTRY", number), draws)


def _beside(pair: Pair, sign: str, draws: Draws, before: str = " ") -> Pair:
    """A pair with something at the same end of both sides."""
    if draws.share() < FIRST:
        return f"{sign} {pair[0]}", f"{sign} {pair[1]}"
    return f"{pair[0]}{before}{sign}", f"{pair[1]}{before}{sign}"


def _address(draws: Draws) -> str:
    host = f"{_name(draws)}.{draws.pick(ENDS)}"
    kind = draws.share()
    if kind < 0.15:
        return f"{_name(draws)}@{host}"
    if kind < 0.3:
        return f"www.{host}"
    path = "".join(f"/{_name(draws)}" for _ in range(draws.below(4)))
    if draws.share() < 0.3:
        path += f"/?{_name(draws)}={draws.below(1000)}"
    return f"https://{host}{path}"


def _name(draws: Draws) -> str:
    return "".join(draws.pick(SYLLABLES) for _ in range(2 + draws.below(3)))
