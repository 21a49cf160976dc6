"""The comparison by the clock: mtkit's side of it on the bundled text, and wrong usage."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.system.toy import python


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python("from benchmarks.minutes import main\nmain()", *arguments, folder=folder)


@pytest.mark.slow
def test_mtkit_has_its_minutes_and_no_more(tmp_path: Path) -> None:
    done = run(tmp_path, "mtkit", "--recipe", "demo", "--minutes", "0.25", "--work", "made", "--threads", "1")
    assert done.returncode == 0, done.stderr
    stopped = re.search(r"trained after (\d+\.\d+) minutes", done.stderr)
    assert stopped
    assert 0.1 < float(stopped[1]) < 1.25  # of which starting and ending are several seconds
    log = (tmp_path / "runs" / "demo" / "log.jsonl").read_text().splitlines()
    assert 2 < max(json.loads(line).get("seconds", 0) for line in log) < 16
    assert re.search(r"^mtkit +BLEU \d+\.\d+  chrF \d+\.\d+$", done.stdout, re.MULTILINE)
    assert len((tmp_path / "made" / "mtkit.de").read_text().splitlines()) == 600


def test_wrong_usage(tmp_path: Path) -> None:
    done = run(tmp_path, "joeynmt", "--recipe", "demo", "--minutes", "1", "--work", "made")
    assert done.returncode == 2
    assert "joeynmt needs --python" in done.stderr
    done = run(tmp_path, "mtkit", "--recipe", "multi30k-en-de", "--minutes", "1", "--work", "made")
    assert done.returncode == 1
    assert "multi30k/test_2016_flickr.en.gz does not exist" in done.stderr
    (tmp_path / "prepared").mkdir()
    done = run(tmp_path, "mtkit", "--recipe", "demo", "--minutes", "1", "--work", "made")
    assert done.returncode == 1
    assert "prepared/ is here already" in done.stderr
