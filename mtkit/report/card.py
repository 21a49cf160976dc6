"""The model card that a bundle carries as README.md, for people: programs find what it says in config.json."""

from mtkit.report.description import architecture
from mtkit.report.training import TrainingFacts
from mtkit.schema import Config


def card(config: Config, facts: TrainingFacts) -> str:
    """Markdown that says what the model is, what it scored and on which data."""
    data, parts, scores = config.data, architecture(config.model), facts.scores
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
    lines += [
        "",
        "## Training",
        "",
        f"`mtkit train`, seed {facts.seed}, {facts.updates:,} updates, {facts.minutes:.1f} minutes"
        f"{f', the weights of {facts.averaged} validations averaged' if facts.averaged else ''}"
        f"{f', computed in {facts.precision}' if facts.precision else ''}; "
        "the whole config follows.",
        *(["", f"Begun with the weights of `{config.train.init_from}`."] if config.train.init_from else []),
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
