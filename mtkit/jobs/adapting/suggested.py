"""Better translations that people have suggested to a server, as a text to adapt to."""

from pathlib import Path

from mtkit import files
from mtkit.errors import ConfigError, DataError
from mtkit.store import bundle, bundle_config


def write(database: str, model: Path) -> tuple[Path, int]:
    """Write the suggestions for a model's languages, of each source the newest one, as a .tsv in the current folder.

    Args:
        database: a file of SQLite, or an address.
        model: a bundle or a run.

    Returns:
        The file, and how many pairs it has.

    Raises:
        BundleError: there is no such model.
        ConfigError: there is no such database, or what reads it is missing.
        DataError: it has nothing for these languages.
    """
    try:
        from mtkit.server.suggestions import Suggestions, lines
    except ImportError as error:
        raise ConfigError(f"suggestions need {error.name}: pip install 'mtkit[serve]'") from None
    if "://" not in database and not Path(database).is_file():
        raise ConfigError(
            f"{database} does not exist; expected suggestions that mtkit serve has kept", remedy="suggestions"
        )
    config = bundle_config.read(bundle.locate(model))
    source_lang, target_lang = config.source_lang, config.target_lang
    kept = Suggestions(database)
    try:
        pairs = [line for pair in kept.pairs(source_lang, target_lang) for line in lines(*pair)]
    finally:
        kept.close()
    if not pairs:
        raise DataError(f"{database} has no suggestions from {source_lang} to {target_lang}")
    path = Path(f"suggestions.{source_lang}-{target_lang}.tsv")
    files.write(path, "".join(f"{source}\t{target}\n" for source, target in pairs))
    return path, len(pairs)
