r"""Strings of Android: values of <string>, <item> of <string-array> and <plurals>, with Android's own escapes.

`\n` ends a line, `\'` is an apostrophe; what stands in <xliff:g> and what says translatable="false" is nobody's to
translate. Quantities that the target language has and the source has not are put in, as those of many.
"""

import re
from collections.abc import Iterable, Sequence

from mtkit.documents import plurals
from mtkit.documents.document import Edit, Segment, Write
from mtkit.documents.marked import Marking
from mtkit.documents.spelling import spelling
from mtkit.documents.xml import Escape, Event, XMLDocument, children, escaping

MORE_QUANTITIES = "the source has no such quantities: those of many are alike"
_ESCAPED = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|[^n])")
_SIGN = re.compile(r'\\.|"', re.DOTALL)
_REFERENCE = re.compile(r"\s*[@?][\w+:.]*/?[\w.]*\s*")


class Android(XMLDocument):
    """Every string is a segment."""

    expects = "strings of Android, <resources>"

    def segments(self) -> list[Segment]:
        events = self.events
        root = next((at for at, event in enumerate(events) if event.kind == "start"), -1)
        if root < 0 or events[root].name != "resources":
            found = f"<{events[root].name[:40]}>" if root >= 0 else "nothing"
            raise self.refused(events[root].start if root >= 0 else 0, f"found {found}, expected {self.expects}")
        made = list[Segment]()
        for at in children(events, root):
            one = events[at]
            if one.attributes.get("translatable") == "false":
                continue
            if one.name == "string":
                made += self._value(at)
            elif one.name == "string-array":
                made += [segment for item in children(events, at) for segment in self._value(item)]
            elif one.name == "plurals":
                made += self._plurals(at)
        return made

    def _value(self, at: int) -> Iterable[Segment]:
        """What an element has inside; nothing, if that is a reference."""
        event = self.events[at]
        start, end = event.end, self.events[event.partner].start
        if start >= end or _REFERENCE.fullmatch(self.text[start:end]):
            return
        marked = self.marked(at + 1, event.partner, _role)
        yield Segment([marked], self.where(start), lambda texts, _: [Edit(start, end, texts[0])])

    def _plurals(self, at: int) -> list[Segment]:
        items = children(self.events, at)
        there = [self.events[item].attributes.get("quantity") for item in items]
        missing = [one for one in plurals.quantities(self.options.languages[1]) if one not in there]
        made = list[Segment]()
        for item, quantity in zip(items, there, strict=True):
            for segment in self._value(item):
                if quantity == "other" and missing:
                    write = self._with(segment.write, item, missing)
                    segment = Segment(segment.sources, segment.where, write, doubt=MORE_QUANTITIES)
                made.append(segment)
        return made

    def _with(self, write: Write, item: int, missing: Sequence[str]) -> Write:
        """Other quantities before that of many."""
        event = self.events[item]
        indent = self.text[self.text.rfind("\n", 0, event.start) + 1 : event.start]
        before = "\n" + indent if not indent.strip() else ""
        tag = self.text[event.start : event.end]

        def both(texts: Sequence[str], doubtful: bool) -> Iterable[Edit]:
            yield from write(texts, doubtful)
            tags = [re.sub(r"(quantity\s*=\s*[\"'])other", rf"\g<1>{quantity}", tag) for quantity in missing]
            closing = self.text[self.events[event.partner].start : self.events[event.partner].end]
            new = "".join(f"{one}{texts[0]}{closing}{before}" for one in tags)
            yield Edit(event.start, event.start, new)

        return both

    def add_text(self, made: Marking, raw: str) -> None:
        at = 0
        for found in _SIGN.finditer(raw):
            if found[0] in ("\\n", '"'):
                super().add_text(made, _android(raw[at : found.start()]))
                made.single(found[0], breaking=found[0] == "\\n")
                at = found.end()
        super().add_text(made, _android(raw[at:]))

    def add_plain(self, made: Marking, raw: str) -> None:
        made.text(_android(raw))

    def escapes(self, raw: str) -> tuple[Escape, Escape]:
        quoted = '"' in _SIGN.findall(raw)  # in quotes an apostrophe is one
        default = {"\\": "\\\\", '"': '\\"'} | ({} if quoted else {"'": "\\'"})
        write, write_xml = spelling(raw, _ESCAPED, _android_sign, default), escaping(raw)
        return lambda text: write_xml(write(text)), write


def _android(raw: str) -> str:
    """Without Android's escapes."""
    return _ESCAPED.sub(lambda found: _android_sign(found[0]), raw) if "\\" in raw else raw


def _android_sign(escape: str) -> str:
    if escape[1] == "u" and len(escape) == 6:
        return chr(int(escape[2:], 16))
    return {"t": "\t"}.get(escape[1], escape[1])


def _role(event: Event) -> str:
    return "closed" if event.name == "g" or event.attributes.get("translatable") == "false" else ""
