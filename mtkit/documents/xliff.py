"""XLIFF 1.2 and 2.x: each source is translated into its target, with the codes that the source has.

States are set (`needs-review-translation`, or `translated`), and the target language where the file names none.
"""

from collections.abc import Iterator, Sequence

from mtkit.documents.document import Edit, Segment
from mtkit.documents.xml import Event, XMLDocument, children, unescape, with_attribute

UNTRANSLATED = ("new", "needs-translation", "initial")  # a target in such a state is a copy of the source
_CLOSED = ("x", "ph", "it", "cp", "sm", "em")
_OPENING, _CLOSING = ("bx", "bpt", "sc"), ("ex", "ept", "ec")
_UNITS = ("trans-unit", "segment")


class XLIFF(XMLDocument):
    """Every unit of 1.2, and every segment of 2.x, is a segment."""

    breaks = "guess"
    expects = "XLIFF 1.2 or 2"

    def segments(self) -> list[Segment]:
        events = self.events
        root = next((event for event in events if event.kind == "start"), None)
        version = root.attributes.get("version", "") if root else ""
        if root is None or root.name != "xliff" or version[:2] not in ("1.", "2."):
            found = f"<{root.name[:40]}> of version {version[:20]!r}" if root else "nothing"
            raise self.refused(root.start if root else 0, f"found {found}, expected <xliff> of version 1.2 or 2")
        made = list[Segment]()
        head, at = root, 0
        while at < len(events):
            event = events[at]
            if event.kind == "start":
                if event.name == "file" and version[0] == "1":
                    head = event
                if event.attributes.get("translate") == "no":
                    at = event.partner
                elif event.name in _UNITS:
                    made += self._unit(at, head, version[0] == "2")
                    at = event.partner
            at += 1
        return made

    @property
    def languages(self) -> tuple[str, str]:
        heads = [event.attributes for event in self.events if event.kind == "start" and event.name in ("xliff", "file")]
        said = [
            next((head[name] for head in heads for name in names if name in head), "")
            for names in (("source-language", "srcLang"), ("target-language", "trgLang"))
        ]
        return said[0], said[1]

    def _unit(self, at: int, head: Event, second: bool) -> Iterator[Segment]:
        """What a unit or a segment has to translate.

        Args:
            head: the element that says which the target language is.
            second: it is XLIFF 2.
        """
        events = self.events
        inside = {events[child].name: child for child in children(events, at)}
        if "source" not in inside:
            raise self.refused(events[at].start, f"a {events[at].name} without source")
        whole = inside["source"]
        last = inside.get("seg-source", whole)
        source = last if "seg-source" in inside and events[last].partner > last + 1 else whole
        target = events[inside["target"]] if "target" in inside else None
        there = ""
        holder = events[at] if second else target
        if target and not (holder and holder.attributes.get("state") in UNTRANSLATED):
            some = events[inside["target"] : target.partner]
            there = "".join(unescape(self.text[one.start : one.end]) for one in some if one.kind == "text")

        def write(texts: Sequence[str], doubtful: bool) -> Iterator[Edit]:
            state = "needs-review-translation" if self.options.marks(doubtful) and not second else "translated"
            if second:
                yield self._with(events[at], "state", state)
            language = "trgLang" if second else "target-language"
            if language not in head.attributes:
                yield self._with(head, language, self.options.languages[1])
            if target is None:
                end, start = events[events[last].partner].end, events[last].start
                indent = self.text[self.text.rfind("\n", 0, start) + 1 : start]
                tag = "<target>" if second else f'<target state="{state}">'
                prefix = self.text[events[whole].start + 1 : events[whole].end].partition(":")
                if prefix[1] and prefix[2].startswith("source"):  # elements have a prefix here
                    tag = tag.replace("<", f"<{prefix[0]}:")
                closing = tag.replace("<", "</").split(" ")[0].rstrip(">") + ">"
                before = "" if indent.strip() else ("\r\n" if "\r\n" in self.text else "\n") + indent
                yield Edit(end, end, f"{before}{tag}{texts[0]}{closing}")
                return
            tag = self.text[target.start : target.end]
            tag = tag if second else with_attribute(tag, "state", state)
            closing = self.text[events[target.partner].start : events[target.partner].end]
            if tag.endswith("/>"):
                tag = tag[:-2].rstrip() + ">"
                closing = f"</{tag[1:].split(maxsplit=1)[0].rstrip('>')}>"
            yield Edit(target.start, events[target.partner].end, f"{tag}{texts[0]}{closing}")

        marked = self.marked(source + 1, events[source].partner, _role)
        yield Segment([marked], self.where(events[source].start), write, there)

    def _with(self, event: Event, name: str, value: str) -> Edit:
        return Edit(event.start, event.end, with_attribute(self.text[event.start : event.end], name, value))


def _role(event: Event) -> str:
    if event.name in _OPENING or event.name in _CLOSING:
        one = event.attributes
        name = one.get("rid") or one.get("startRef") or one.get("id") or ""
        return f"{'open' if event.name in _OPENING else 'close'} {name}" if name else "closed"
    kept = event.attributes.get("translate") == "no" or event.attributes.get("mtype") == "protected"
    return "closed" if event.name in _CLOSED or kept else ""
