"""The page of what a person should look at in translated documents: plain values in, HTML out. Must not know torch."""

from collections.abc import Sequence
from typing import Any

from mtkit.report.page import render


def page(files: Sequence[dict[str, Any]]) -> str:
    """One file.

    Args:
        files: each {"file", "translated", "kept", "look", "segments"}; of segments those that are doubtful, each
            {"where", "source", "translation", "written", "warnings"}. Those that were not written come first, then
            those of which most is said.
    """
    ordered = [
        one | {"segments": sorted(one["segments"], key=lambda each: (each["written"], -len(each["warnings"])))}
        for one in files
    ]
    count = sum(one["look"] for one in files)
    title = f"To be looked at: {count:,} {'segment' if count == 1 else 'segments'}"
    return render("review.html", {"title": title, "files": ordered})
