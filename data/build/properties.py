"""Java properties and the entities of DTDs: the older two of the formats that Mozilla's messages are in."""

import html
import re

LINE = re.compile(r"^[ \t]*(?![#!\s])([^\s:=]+)[ \t]*[:=]?[ \t]*(.*)$", re.MULTILINE)
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
SPOKEN = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
COMMENT = re.compile("<!--.*?-->", re.DOTALL)
ENTITY = re.compile(r"""<!ENTITY\s+([\w.-]+)\s+("[^"]*"|'[^']*')\s*>""")
REFERENCE = re.compile(r"&([A-Za-z][\w.-]*);")
PLURAL = re.compile(r"#\d")


def read_properties(text: str) -> dict[str, str]:
    """Keys and values; a value goes on behind a backslash at the end of a line."""
    joined = re.sub(r"(?<!\\)((?:\\\\)*)\\\r?\n[ \t]*", r"\1", text)
    return {match[1]: ESCAPE.sub(_unescaped, match[2]) for match in LINE.finditer(joined)}


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else SPOKEN.get(match[2], match[2])


def read_entities(text: str) -> dict[str, str]:
    """Names and values of the entities that a DTD declares."""
    return {match[1]: match[2][1:-1] for match in ENTITY.finditer(COMMENT.sub("", text))}


def resolved(value: str, known: dict[str, str]) -> str:
    """A value with the entities in it that are known, as names of programs are, and with those of HTML."""
    return html.unescape(REFERENCE.sub(lambda match: known.get(match[1], match[0]), value))


def last_form(value: str) -> str:
    """Of the forms of a plural, "#1 tab;#1 tabs", the last, which fits most numbers; of anything else all."""
    return value.split(";")[-1] if PLURAL.search(value) else value
