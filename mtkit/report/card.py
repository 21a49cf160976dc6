"""The model card that a bundle carries as README.md, for people: programs find what it says in config.json."""

from mtkit.report.description import architecture
from mtkit.report.training import TrainingFacts
from mtkit.schema import Config, Data


def card(config: Config, facts: TrainingFacts) -> str:
    """Markdown that says what the model is, what it scored and on which data."""
    data, parts, scores = config.data, architecture(config.model), facts.scores
    command = " ".join(facts.command.split()[:2])
    lines = [
        f"# {config.run_name}: {data.source_lang} to {data.target_lang}",
        "",
        f"A translation model of mtkit. Encoder: {parts['encoder']}. Decoder: {parts['decoder']}. "
        f"Attention: {parts['attention']}. Widths: {parts['widths']}. {facts.parameters:,} parameters.",
        "",
        "    echo 'text' | mtkit translate --model FOLDER",
        "",
        "## Scores on dev",
        "",
        f"Greedy, at most {config.train.validate_lines} lines of dev, which also chose this model.",
        "",
        "| metric | score | signature |",
        "|---|---|---|",
        f"| loss a token | {scores['loss']:.4f} | |",
    ]
    lines += [f"| {name} | {scores[name]:.2f} | `{signature}` |" for name, signature in facts.signatures.items()]
    lines += [*_directions(facts), *_tags(data)]
    lines += [
        "",
        "## Training",
        "",
        f"`{command}`, seed {facts.seed}, {facts.updates:,} updates, {facts.minutes:.1f} minutes"
        f"{f', the weights of {facts.averaged} validations averaged' if facts.averaged else ''}"
        f"{f', computed in {facts.precision}' if facts.precision else ''}; "
        "the whole config follows.",
        *(["", f"Begun with the weights of `{config.train.init_from}`."] if config.train.init_from else []),
        *_parents(facts),
        *_measured(facts),
        "",
        "```json",
        config.model_dump_json(indent=1),
        "```",
        "",
        "## Data",
        "",
        "| file | sha256 |",
        "|---|---|",
        *(f"| {name} | `{value}` |" for name, value in sorted(facts.hashes.items())),
    ]
    return "\n".join(lines) + "\n"


def _directions(facts: TrainingFacts) -> list[str]:
    """The scores of each direction."""
    if not facts.directions:
        return []
    names = list(facts.signatures)
    rows = [
        f"| {direction.replace('-', ' to ', 1)} | " + " | ".join(f"{scores[name]:.2f}" for name in names) + " |"
        for direction, scores in facts.directions.items()
    ]
    head = [f"| direction | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    return ["", "Those of metrics are means of:", "", *head, *rows]


def _tags(data: Data) -> list[str]:
    """What can stand before a source."""
    tags = data.tags
    if not any(tag.name for tag in tags):
        return []
    rows = [f"| {f'`{tag.name}`' if tag.name else 'none'} | {' to '.join(tag.languages)} |" for tag in tags]
    first = f"`{tags[0].name}`" if tags[0].name else "no tag"
    told = f"`mtkit translate --tag TAG` puts one before every source; without, that is {first}."
    return ["", "## Tags", "", told, "", "| tag | translates |", "|---|---|", *rows]


def _parents(facts: TrainingFacts) -> list[str]:
    """The line of models that it comes from, and what it and its parent score."""
    lines = ["", "| parent | | taken over | training | its text |", "|---|---|---|---|---|"] if facts.parents else []
    for one in facts.parents:
        known = one.training
        rounded = f", exported in {one.exported}" if one.exported else ""
        training = (
            f"{known.updates:,} updates, {known.minutes:.1f} minutes, `{known.command}`" if known else "not known"
        )
        texts = ", ".join(f"`{name}`" for name in known.hashes) if known else "not known"
        took = one.took.replace("|", "\\|")
        lines.append(f"| `{one.name}` | {' to '.join(one.languages)}{rounded} | {took} | {training} | {texts} |")
    return lines


def _measured(facts: TrainingFacts) -> list[str]:
    """What it and its parent score."""
    if not facts.measured:
        return []
    share = (
        f", with {facts.share:.0%} of what was learnt and the rest of the parent's weights" if facts.share < 1 else ""
    )
    lines = ["", f"Its parent and it, translating greedily{share}:", ""]
    lines += ["| text | pairs | metric | parent | this | signature |", "|---|---|---|---|---|---|"]
    for one in facts.measured:
        for name, now in one.after.items():
            signature = f"`{one.signatures[name]}` " if name in one.signatures else ""
            lines.append(f"| {one.text} | {one.pairs:,} | {name} | {one.before[name]:.2f} | {now:.2f} | {signature}|")
    return lines
