"""Results of a study that nobody made, to see pages with."""

from mtkit.report.results import Judged, Measured, Results
from mtkit.schema.study import Figure
from mtkit.store.study import STUDY

CELLS, WAYS = ("RNN", "GRU & co", "LSTM <b>"), ("no attention", "attention")


def results(name: str = "sample") -> Results:
    """Three cells, with attention and without, three seeds; one run went wrong."""
    runs = [
        Measured(
            run=f"{name}-{cell}-{way}-{seed}",
            variant=(cell, way),
            seed=seed,
            base="demo",
            settings=("model.hidden_dim=64", f"seed={seed}"),
            values={
                "bleu": 10.0 + 3 * place + 5 * (way == WAYS[1]) + 0.4 * seed,
                "largest_gradient": 10.0 ** (place - seed),
                "alignment_error": None if way == WAYS[0] else 0.25,
            },
            series={
                "recall": {str(k): max(0.0, 1 - k / (60 * (place + 1) * seed)) for k in (10, 50, 100, 400)},
                "bleu_by_length": {"1-4": 20.0 + seed, "5-10": 15.0 - place, "11+": None if seed == 2 else 9.0},
                "gradient": {str(k): 0.8 ** (k / (place + 1)) for k in (1, 5, 20, 100)},
            },
            signatures={"bleu": "nrefs:1|case:mixed"},
            ended="the gradient of update 8 is not finite" if (cell, seed) == ("RNN", 3) else "",
        )
        for place, cell in enumerate(CELLS)
        for way in WAYS
        for seed in (1, 2, 3)
    ]
    figures = [
        Figure(
            title="Recall </svg><script>",
            kind="lines",
            value="recall",
            x="steps",
            y="share",
            log_x=True,
            only=[WAYS[0]],
        ),
        Figure(title="By length", kind="lines", value="bleu_by_length", x="words", y="BLEU", only=[WAYS[1]]),
        Figure(
            title="Gradients",
            kind="lines",
            value="gradient",
            also=["recall"],
            x="steps before",
            y="norm",
            log_y=True,
            only=[WAYS[1]],
        ),
        Figure(title="BLEU", kind="dots", value="bleu", y="BLEU, test"),
        Figure(title="The largest gradient", kind="dots", value="largest_gradient", y="norm", log_y=True),
    ]
    judged = [
        Judged(
            says="Gates help <i>.",
            rule="bleu of GRU − bleu of RNN ≥ 1",
            by_seed={1: 3.0, 2: 3.5, 3: 2.0},
            outcome="holds",
        ),
        Judged(says="They fail.", rule="bleu of GRU ≤ 1", by_seed={1: 13.0, 2: None, 3: 14.0}, outcome="undecided"),
        Judged(
            says="All is lost.",
            rule="bleu of RNN ≤ 0",
            by_seed={1: 1e-12, 2: 12345.6, 3: 0.0123},
            outcome="does not hold here",
        ),
    ]
    return Results(
        format_version=STUDY.version,
        mtkit_version="0.1.0",
        name=name,
        title="Cells & <attention>",
        claim="Gated cells keep a word for a hundred steps, attention at any distance; שלום <script>alert(1)</script>.",
        method="Made text: the source begins with one of 16 words, 10 to 400 words of no importance follow.",
        digest="12345678",
        changed=["train.max_updates=2"],
        axes=["cell", "attention"],
        figures=figures,
        runs=runs,
        judged=judged,
        verdict="does not hold here",
    )
