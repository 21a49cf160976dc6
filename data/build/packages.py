"""The Debian packages that the text comes from, each with its version and checksum: fetched, checked, unpacked."""

import hashlib
import subprocess
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """A package of Debian bookworm."""

    name: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """How `apt-get download` calls it, without the architecture."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_"


OFFICE, FIREFOX = "4:7.4.7-1+deb12u14", "153.7.0esr-1~deb12u1"
PACKAGES = {
    name: Package(name, version, sha256)
    for name, version, sha256 in (
        ("libreoffice-l10n-de", OFFICE, "aee22c8e3b3c0431f6e1b0bc66f757ba36c860e2651a05eb050fde4897f06548"),
        ("libreoffice-l10n-ko", OFFICE, "808e24f4c5400c2a957575a36c2c99cdd71d5a05ec57123e5bbb7c041765b920"),
        ("libreoffice-help-en-us", OFFICE, "8faa840285734d6cfe1ed25537b48f07e74bd6412e3917bf8e5f8a653f7b3712"),
        ("libreoffice-help-de", OFFICE, "00490b63c509ac96f7f212d6a6e40452d3e0d1f97ccf4b824dd5ec4c01e8277f"),
        ("libreoffice-help-ko", OFFICE, "7ef2d854e9ed58e6bf861cfa9fa2579555233f9df874baf327fcb07ccd190669"),
        ("firefox-esr", FIREFOX, "0917dc903c50983f9d8650308f2df2daccc5d8caa95b74c5bf0609338e7cf85c"),
        ("firefox-esr-l10n-de", FIREFOX, "c0f94c8da48c33fbda2ceb2b6c43e461e7950f2b5207cdba6c84b3865469f3bb"),
        ("firefox-esr-l10n-ko", FIREFOX, "e230aea4c9306a48d7130c41a6a6cabdb740eb7ed61942c95d3381f96a765913"),
        ("thunderbird", f"1:{FIREFOX}", "ffd4b55dc587d5a08f991ca07baa5db83844da0921ab2d73dd7a92ac37b80c96"),
        ("thunderbird-l10n-de", f"1:{FIREFOX}", "714ea554ed5e368fccedc28377845c8cb3caf2fdfddc5abb3d2ef714d26e8bb3"),
        ("thunderbird-l10n-ko", f"1:{FIREFOX}", "23adc480a7fdd96ffd2ff953adeeb9220cbe54c751848613c9afb51d810226aa"),
    )
}


def fetch(package: Package, folder: Path) -> None:
    """Download a package into a folder with apt-get.

    Raises:
        SystemExit: it is not to be had in this version.
    """
    if subprocess.run(["apt-get", "download", f"{package.name}={package.version}"], cwd=folder).returncode:
        raise SystemExit(
            f"{package.name} {package.version} is not to be had from the package sources of this machine: take it from "
            "https://snapshot.debian.org, and name the folder with --deb-dir"
        )


def find(package: Package, folder: Path) -> Path:
    """The file of a package in a folder, checked.

    Raises:
        SystemExit: it is not there, or another one.
    """
    found = sorted(folder.glob(f"{package.file}*.deb"))
    if len(found) != 1:
        raise SystemExit(f"{folder}: {len(found)} files match {package.file}*.deb, expected 1")
    got = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if got != package.sha256:
        raise SystemExit(f"{found[0]} has the SHA-256 {got}, expected {package.sha256}: download it again")
    return found[0]


def unpack(package: Package, debs: Path, work: Path) -> Path:
    """The folder in `work` that a package is unpacked in, once."""
    folder = work / package.name
    if not folder.exists():
        subprocess.run(["dpkg-deb", "-x", str(find(package, debs)), str(folder)], check=True)
    return folder
