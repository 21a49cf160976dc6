"""What a line has left of how it came: tags and entities of HTML, UTF-8 that was read in another encoding.

Each is found by what takes it away: a line is damaged where its repair is another line.
"""

import html
import re

# Elements of HTML; other tags are placeholders, or text on XML. Those in a word leave it whole.
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|del|em|font|i|ins|kbd|label|mark|q|s|samp|small|span|strike|strong|sub|sup|"
    "tt|u|var"
)
_PARTING = (
    "address|article|aside|blockquote|body|br|button|center|dd|details|div|dl|dt|fieldset|figure|footer|form|h[1-6]|"
    "head|header|hr|html|iframe|img|input|legend|li|link|main|meta|nav|object|ol|option|p|param|pre|script|section|"
    "select|style|summary|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul|video"
)
_CODE = re.compile(r"<(script|style)\b[^<>]{0,500}>.{0,5000}?</\1>|<!--.{0,5000}?-->", re.IGNORECASE)
_TAG = re.compile(rf"</?(?:({_INLINE})|{_PARTING})(?=[\s/>])[^<>]{{0,1000}}>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TIMES = 3  # what was escaped twice, or decoded twice in the wrong way, is repaired so often


def without_html(line: str) -> str:
    """Without elements of HTML, and with the characters that entities stand for."""
    if "<" not in line and "&" not in line:
        return line
    made = _TAG.sub(lambda tag: "" if tag[1] else " ", _CODE.sub(" ", line))
    for _ in range(_TIMES):
        before, made = made, _ENTITY.sub(lambda entity: html.unescape(entity[0]), made)
        if made == before:
            break
    return line if made == line else " ".join(made.split())


# What Windows-1252 makes of the bytes of UTF-8: five of 0x80 to 0x9f stay controls, as they do in Latin-1.
_TO_BYTES = {ord(sign): byte for byte in range(0x80, 0xA0) if (sign := bytes([byte]).decode("cp1252", "ignore"))}
# What follows a first byte: letters and signs that follow no capital in real text, and those that may end a word there.
_STRONG = "\x80-\x9f¡-¦¨ª¬\xad¯±³µ¶¸¹º¼-¿€ƒ†‡ˆ‰Š‹ŒŽ˜š›œžŸ"
_WEAK = "\xa0§©«®°²´·»‚„…‘’“”•–—™"
_SIGN = re.compile(f"[\xc2-\xf4][{_STRONG}{_WEAK}]")  # quick, and all that follows has it
_EVIDENCE = re.compile(
    f"[\xc2-\xdf][{_STRONG}]"
    f"|[\xe0-\xef](?:[{_STRONG}][{_STRONG}{_WEAK}]|[{_WEAK}][{_STRONG}])"
    f"|[\xf0-\xf4][{_STRONG}{_WEAK}]{{3}}"
    # "CAFÉ…" and "Spaß’" are right: what is weak counts where no word would have such a letter.
    rf"|(?<![^\W\d_])[\xc2-\xde][{_WEAK}]"
    rf"|(?<=[a-z\xdf-\xff])[\xc2-\xde][{_WEAK}]"
    r"|[\xc2-\xde][§©«®°²´·»‚„‘“”•™](?=[a-z])"
)


def unmangled(line: str) -> str:
    """A line whose UTF-8 was read as Windows-1252 or Latin-1, as it was: all of it is such, or it is left alone."""
    for _ in range(_TIMES):
        if line.isascii() or not (_SIGN.search(line) and _EVIDENCE.search(line)):
            return line
        try:
            line = line.translate(_TO_BYTES).encode("latin-1").decode("utf-8")
        except UnicodeError:
            return line
    return line


def undecodable(line: str) -> bool:
    """Whether characters were lost when it was decoded."""
    return "\ufffd" in line
