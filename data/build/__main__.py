"""`python3 -m data.build`, in the root of a checkout: the bundled text anew, from Debian's packages."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from data.build import catalogues, help, mozilla
from data.build.packages import PACKAGES, Package, fetch, unpack
from data.build.pairs import LANGUAGES, Pair
from data.build.splits import SPLITS, split_domains
from data.build.writing import write

Unpack = Callable[[Package], Path]


def packages(language: str) -> dict[str, list[Package]]:
    """What each domain is made of; the first domain is split as if there were no others."""
    return {
        "ui": [PACKAGES[f"libreoffice-l10n-{language}"]],
        "help": [PACKAGES["libreoffice-help-en-us"], PACKAGES[f"libreoffice-help-{language}"]],
        "web": [
            PACKAGES[f"{name}{end}"] for name in ("firefox-esr", "thunderbird") for end in ("", f"-l10n-{language}")
        ],
    }


def read(language: str, unpacked: Unpack) -> dict[str, list[Pair]]:
    """The pairs of every domain, each once, sorted."""
    folders = {domain: [unpacked(one) for one in some] for domain, some in packages(language).items()}
    english, other, *mail = folders["web"]
    web = {*mozilla.read(english, other, language), *mozilla.read(*mail, language)}
    return {
        "ui": catalogues.read(*folders["ui"], language),
        "help": help.read(*folders["help"], language),
        "web": sorted(web),
    }


def build(debs: Path, output: Path) -> None:
    """Build all domains of all languages from the packages in a folder, and print their sizes."""
    with tempfile.TemporaryDirectory() as work:
        for language in LANGUAGES:
            domains = read(language, lambda package: unpack(package, debs, Path(work)))
            for domain, splits in split_domains(domains).items():
                name = f"{domain}.en-{language}"
                write(output / name, domain, language, splits, packages(language)[domain])
                print(f"{name}:", ", ".join(f"{len(splits[name])} {name}" for name in SPLITS))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m data.build", description="Rebuild the bundled text.")
    parser.add_argument("--deb-dir", type=Path, help="use the .deb files in this folder; fetch nothing")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).resolve().parent.parent, help="default: where it lies"
    )
    args = parser.parse_args()
    if args.deb_dir is not None:
        build(args.deb_dir, args.output)
        return
    with tempfile.TemporaryDirectory() as folder:
        for package in PACKAGES.values():
            fetch(package, Path(folder))
        build(Path(folder), args.output)


if __name__ == "__main__":
    main()
