"""How often the sentence of each scenario is borne out, over 20 seeds."""

from benchmarks.timing import Row

_SEEDS = 20


def scenarios(quick):
    """Rows: the share of seeds whose run shows what the scenario says."""
    from ratiogan.solvers.scenarios import SCENARIOS
    from ratiogan.solvers.training import training

    seeds = range(3 if quick else _SEEDS)
    rows = []
    for name in SCENARIOS:
        seen = 0
        for seed in seeds:
            run = training(scenario=name, rng=seed, record="log", snapshots=False)
            seen += run.as_predicted
        rows.append(Row(f"{name}: seen in {seen} of {len(seeds)}", seen / len(seeds), ""))
    return rows
