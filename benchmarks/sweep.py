"""A map of training runs: serial calls beside one batched call, on one thread and on two."""

import numpy as np

from benchmarks.timing import alternate

_RATES, _STEPS = (2e-5, 1e-4, 1e-3, 1e-2), (1, 2, 5, 20)


def sweep(quick):
    """Rows: 16 runs on 1,024 cells, and what it takes to set up 100."""
    import ratiogan as rg
    from ratiogan.solvers.training import trainer

    turns = 500 if quick else 2000
    rates, steps = np.repeat(_RATES, len(_STEPS)).tolist(), list(_STEPS) * len(_RATES)
    options = {"max_steps": turns, "grid": 1024}

    def serial():
        for rate, count in zip(rates, steps, strict=True):
            rg.training(alpha_gen=rate, disc_steps=count, **options)

    def batched(threads):
        def call():
            rg.training_batch(alpha_gen=rates, disc_steps=steps, threads=threads, **options)

        return call

    def hundred():
        rg.training_batch(alpha_gen=np.geomspace(1e-5, 1e-2, 100), grid=1024, max_steps=1)

    def apart():
        for rate in np.geomspace(1e-5, 1e-2, 10):
            trainer(alpha_gen=rate, grid=1024)

    contenders = {
        "serial": serial, "one": batched(1), "two": batched(2), "hundred": hundred, "apart": apart,
    }  # fmt: skip
    for call in contenders.values():
        call()
    found = alternate(contenders, 3 if quick else 5)
    return [
        found.row(f"16 runs of {turns} turns, 1,024 cells, one by one", "serial"),
        found.ratio("the same / one batched call, one thread", "serial", "one", target=">= 0.95"),
        found.ratio("the same / one batched call, two threads", "serial", "two", target=">= 1.5"),
        found.row("100 runs of 1 turn on one problem", "hundred", target="<= 0.5"),
        found.row("setting up 10 runs by themselves", "apart"),
    ]
