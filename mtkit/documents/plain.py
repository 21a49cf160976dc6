"""Plain text by paragraphs: blank lines, indentation, bullets and columns stay."""

from mtkit.documents.document import Document, Segment, replacing
from mtkit.documents.marked import Marked


class Text(Document):
    """Lines up to a blank one are a segment; which of them belong together is seen by the passage."""

    expects = "plain text"

    def segments(self) -> list[Segment]:
        made = list[Segment]()
        start = at = 0
        for line in [*self.text.split("\n"), ""]:
            if not line.strip():
                if self.text[start:at].strip():
                    made.append(replacing(self, Marked(self.text[start:at]), start, at))
                start = at + len(line) + 1
            at += len(line) + 1
        return made
