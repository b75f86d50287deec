"""A sweep as tasks of two worker processes, beside one process with one thread."""

import math

from benchmarks.timing import Row, alternate

# 64 combinations of the same cost; none of them ends before its last turn.
_GEN, _DISC = (
    [low * 2**k for k in range(8)]
    for low in (1e-5, 1e-3)
)  # fmt: skip


def sweep_cluster(quick):
    """Rows: runs of some two seconds, the start of the workers included and not."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        return [Row("needs pip install '.[dask]'", math.nan, "")]
    import ratiogan as rg
    from ratiogan.cluster.connection import connected

    turns, gen, disc = (50_000, _GEN[:4], _DISC[:4]) if quick else (100_000, _GEN, _DISC)
    settings = {"sweep": {"alpha_gen": gen, "alpha_disc": disc}, "grid": 1024, "max_steps": turns}

    def on(scheduler):
        return lambda: rg.compare("training", scheduler=scheduler, **settings) and None

    with connected("local:2") as client:
        contenders = {
            "one": lambda: rg.compare("training", threads=1, **settings) and None,
            "two": on(client),
            "started": on("local:2"),
        }
        rg.compare("training", grid=1024, max_steps=10)  # its kernels
        client.run(rg.compare, "training", grid=1024, max_steps=10)
        found = alternate(contenders, 1)  # of many runs each
    runs = len(gen) * len(disc)
    what = f"{runs} runs of {turns} turns, 1,024 cells"
    return [
        found.row(f"{what}, one process and thread: each", "one", per=runs),
        found.ratio("the same / local:2, its start included", "one", "started", target=">= 1.7"),
        found.ratio("the same / two workers that are there", "one", "two"),
    ]
