"""The comparison by the clock: mtkit's side of it on the bundled text, and wrong usage."""

import re
import subprocess
import sys
import time
from pathlib import Path

import minutes

SCRIPT = Path(minutes.__file__)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True)


def test_mtkit_has_its_minutes_and_no_more(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run(tmp_path, "mtkit", "--recipe", "demo", "--minutes", "0.3", "--work", "made", "--threads", "1")
    taken = (time.monotonic() - began) / 60
    assert done.returncode == 0, done.stderr
    stopped = re.search(r"trained until (\d+\.\d+) minutes had passed", done.stderr)
    assert stopped
    assert 0.2 < float(stopped[1]) < min(taken, 0.6)  # of which starting and ending are several seconds
    assert re.search(r"^mtkit +BLEU \d+\.\d+  chrF \d+\.\d+$", done.stdout, re.MULTILINE)
    assert len((tmp_path / "made" / "mtkit.de").read_text().splitlines()) == 600


def test_wrong_usage(tmp_path: Path) -> None:
    done = run(tmp_path, "joeynmt", "--recipe", "demo", "--minutes", "1", "--work", "made")
    assert done.returncode == 2
    assert "joeynmt needs --python" in done.stderr
    done = run(tmp_path, "mtkit", "--recipe", "multi30k-en-de", "--minutes", "1", "--work", "made")
    assert done.returncode == 1
    assert "multi30k/test_2016_flickr.de.gz does not exist" in done.stderr
