"""The model card that a bundle carries as README.md."""

from mtkit.schema import Config


def card(
    config: Config,
    *,
    scores: dict[str, float],
    signatures: dict[str, str],
    update: int,
    minutes: float,
    hashes: dict[str, str],
    parameters: int,
    averaged: int = 0,
) -> str:
    """Markdown that says what the model is, what it scored and on which data.

    Args:
        scores: of the validation that chose it: loss, bleu, chrf.
        hashes: input file -> sha256.
        averaged: the validations whose weights were averaged into it; 0: it is the model of one.
    """
    data, model = config.data, config.model
    lines = [
        f"# {config.run_name}: {data.source_lang} to {data.target_lang}",
        "",
        f"A translation model of mtkit: {model.encoder.cell} encoder"
        f"{' (bidirectional)' if model.encoder.bidirectional else ''} of {model.encoder.layers} layer(s), "
        f"{model.decoder.cell} decoder of {model.decoder.layers} layer(s) wired {model.decoder.wiring}, "
        f"attention {model.attention.resolved}, hidden {model.hidden_dim}, embeddings {model.embed_dim}; "
        f"{parameters:,} parameters.",
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
    lines += [f"| {name} | {scores[name]:.2f} | `{signature}` |" for name, signature in signatures.items()]
    lines += [
        "",
        "## Training",
        "",
        f"`mtkit train`, seed {config.seed}, {update:,} updates, {minutes:.1f} minutes"
        f"{f', the weights of {averaged} validations averaged' if averaged else ''}; the whole config follows.",
        "",
        "```json",
        config.model_dump_json(indent=1),
        "```",
        "",
        "## Data",
        "",
        "| file | sha256 |",
        "|---|---|",
        *(f"| {name} | `{value}` |" for name, value in sorted(hashes.items())),
    ]
    return "\n".join(lines) + "\n"
