"""What a model is told before a source: the tags that it was trained with. Must not know search."""

from collections.abc import Sequence

from mtkit.errors import ConfigError
from mtkit.registry import nearest
from mtkit.store.bundle_config import TagFacts
from mtkit.translator.member import Member


def chosen(members: Sequence[Member], name: str | None) -> TagFacts | None:
    """What some models are to be told; None: they were trained without tags.

    Args:
        members: models of an ensemble, of which each knows it by the same name.
        name: of the tag, with or without <>; None: what they take where nothing is said.

    Raises:
        ConfigError: a model knows no such tag; lists those that it knows.
    """
    first = members[0]
    if name is None:
        name = first.tags[0].name if first.tags else ""
    name = name[1:-1] if name.startswith("<") and name.endswith(">") else name
    for one in members:
        if not (name or one.tags):
            continue
        if not one.tags:
            raise ConfigError(f"tag = {name!r}: {one.name} was trained without tags; leave it out", remedy="tag")
        if name not in (known := [tag.name for tag in one.tags]):
            asked = f"tag = {name!r}{nearest(name, known)}" if name else "no tag"
            raise ConfigError(f"{asked}: {one.name} was trained with {listed(one.tags)}; give one", remedy="tag")
    return next((tag for tag in first.tags if tag.name == name), None)


def head(member: Member, tag: TagFacts | None) -> list[int]:
    """The ids that each source of a model begins with."""
    own = next((one for one in member.tags if tag is not None and one.name == tag.name), None)
    return [member.source_tokenizer.id_of(own.symbol)] if own and own.symbol else []


def first(member: Member) -> list[int]:
    """The same where nothing is said."""
    return head(member, chosen([member], None))


def listed(tags: Sequence[TagFacts]) -> str:
    """Tags, each with its languages, for people."""
    return ", ".join(f"{tag} ({' to '.join(tag.languages)})" for tag in tags)
