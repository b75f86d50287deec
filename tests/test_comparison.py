"""Several runs on one problem: specs, sweeps, the table and the folder."""

import inspect
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from ratiogan import comparison, games, presets
from ratiogan.catalogue import ALGORITHMS, GAMES
from ratiogan.comparison import (
    SOLVERS,
    Comparison,
    compare,
    expand,
    load_comparison,
    steps_to_rms,
)
from ratiogan.errors import InputError
from ratiogan.solution import Prediction, Solution, Status, Trace
from ratiogan.solvers.training import training
from ratiogan.spec import parse
from ratiogan.sweeps import COURSES, course_of, late_levels, sweep_map

TABLE = """\
BEST: glgd:geometry=fisher (34 steps to max|R-1| < 1e-10); glgd:geometry=lebesgue needs 1240x as many: \
its tails freeze.

                            alpha   status      steps   steps to    rate per step        final       final
  run                                                   rms<1e-3    pred.    meas.      max|R-1|      JSD
  glgd:geometry=fisher      1       converged      34         10    0.5000   0.5000      7.4e-11    < eps
  glgd                      1       converged      38         13    0.5000   0.5000      9.9e-11    < eps
  glgd:geometry=lebesgue    2.92    converged   42166       4496    0.9994   0.9994      1.0e-10    < eps
  alternating               -       hopping        12          -    -        -           1.0e+04    0.69

The first three start from the same R and descend the same E[Phi]; only the inner product differs."""  # noqa: E501


@pytest.fixture(scope="module")
def problem():
    return presets.problem(grid=8)


def run_of(problem, algorithm="glgd", *, steps=38, error=9.9e-11, crossing=13, rate=0.5, **changes):
    """A finished run, made by hand: its trace holds what the table reads."""
    real, gen = problem
    ratio = np.ones(real.grid.shape)
    ratio[0] += error
    options = {"game": "non-saturating", "geometry": "reference", "step": "constant"}
    options |= {"alpha": 1.0, "alpha_is_auto": True, "tol": 1e-10, "max_steps": 100_000}
    settings = dict(
        status=Status.CONVERGED,
        finding="CONVERGED",
        trace=Trace(
            step=[0, crossing - 1, crossing, steps],
            rms_error=[1.0, 2e-3, 9e-4, 1e-11],
            js=[0.09, 1e-4, 1e-8, 1.5e-18],
        ),
        predictions=(Prediction("rate per step, 1 - alpha Phi''(1)", rate, rate + 1e-7, 1e-7),),
    )
    if algorithm == "alternating":
        options = {"game": "non-saturating", "ties": "random", "max_steps": 12}
        settings |= dict(
            status=Status.HOPPING, trace=Trace(step=[0, 12], js=[0.09, 0.69]), predictions=()
        )
    settings |= changes
    return Solution(
        algorithm=algorithm,
        ratio=ratio,
        discriminator=1 / (1 + ratio),
        as_predicted=True,
        n_steps=steps,
        certificate={},
        real=real,
        gen=gen,
        options={**options, **settings.pop("options", {})},
        **settings,
    )


@pytest.fixture
def four(problem):
    lebesgue = {"geometry": "lebesgue", "alpha": 2.9234}
    runs = (
        run_of(problem),
        run_of(problem, steps=34, error=7.4e-11, crossing=10, options={"geometry": "fisher"}),
        run_of(problem, steps=42166, error=1e-10, crossing=4496, rate=0.99937, options=lebesgue),
        run_of(problem, "alternating", steps=12, error=1e4),
    )
    labels = ("glgd", "glgd:geometry=fisher", "glgd:geometry=lebesgue", "alternating")
    return Comparison(runs, labels, *problem)


@pytest.fixture
def recorded(problem, monkeypatch):
    """The solvers replaced by stand-ins with their signatures: the calls they got."""
    calls = []

    def stand_in(name):
        def solve(**arguments):
            calls.append((name, arguments))
            return run_of(problem, name)

        solve.__signature__ = inspect.signature(SOLVERS[name])
        return solve

    monkeypatch.setattr(comparison, "SOLVERS", {name: stand_in(name) for name in SOLVERS})
    return calls


def labels(*specs, **settings):
    return [label for label, _, _ in expand(specs, **settings)]


def options(spec, **settings):
    ((_, _, found),) = expand([spec], **settings)
    return found


# specs and sweeps


def test_every_algorithm_of_the_catalogue_has_a_solver_that_takes_its_parameters():
    assert set(SOLVERS) == set(ALGORITHMS)
    for name, entry in ALGORITHMS.items():
        assert set(entry.defaults) <= set(inspect.signature(SOLVERS[name]).parameters)
        for game in GAMES.values():
            # The classification losses have a "generator" of their own; beside one of them it
            # is the game's.
            both = set(entry.defaults) & set(game.defaults)
            assert not both, "a key would mean two things"


def test_a_bare_spec_has_the_defaults_of_the_catalogue():
    assert options("glgd") == {**ALGORITHMS["glgd"].defaults, "game": "non-saturating"}
    assert options("alternating") == ALGORITHMS["alternating"].defaults


@pytest.mark.parametrize(
    "text",
    [
        "glgd:game=least-squares,a=-1,b=1,c=0,alpha=0.1",
        "glgd:game=least-squares:a=-1,b=1,c=0,alpha=0.1",
    ],
)
def test_the_parameters_of_a_game_stand_beside_those_of_the_algorithm(text):
    found = options(text)
    assert found["game"] == games.game("least-squares:a=-1,b=1,c=0").spec
    assert found["alpha"] == 0.1
    assert labels(text) == ["glgd:game=least-squares,a=-1,b=1,c=0,alpha=0.1"]


def test_a_default_of_a_game_is_filled_in():
    assert options("glgd:game=least-squares,a=-1")["game"] == "least-squares:a=-1,b=1,c=1"


def test_what_is_written_in_a_spec_wins_over_what_is_common():
    found = options("glgd:alpha=2", alpha=0.5, geometry="fisher", threads=2, step=None)
    assert (found["alpha"], found["geometry"], found["threads"]) == (2.0, "fisher", 2)
    assert found["step"] == "constant"


def test_a_game_in_a_spec_replaces_the_common_game_with_its_parameters():
    common = dict(game="least-squares:a=-1,b=1,c=0")
    assert options("glgd", **common)["game"] == "least-squares:a=-1,b=1,c=0"
    assert options("glgd:game=least-squares", **common)["game"] == "least-squares:a=0,b=1,c=1"
    assert options("glgd:game=minimax", **common)["game"] == "minimax"


def test_common_parameters_go_to_the_runs_that_have_them():
    plan = expand(["glgd", "alternating"], alpha=0.5, ties="split", max_steps=7, threads=1)
    (_, _, glgd), (_, _, alternating) = plan
    assert glgd["alpha"] == 0.5 and "ties" not in glgd and glgd["max_steps"] == 7
    assert alternating == {"game": "non-saturating", "ties": "split", "max_steps": 7}


def test_a_sweep_runs_every_value_for_every_spec_that_leaves_it_open():
    assert labels("glgd", "glgd:geometry=fisher", "alternating", sweep="alpha=0.5,auto") == [
        *("glgd:alpha=0.5", "glgd:alpha=auto"),
        *("glgd:geometry=fisher,alpha=0.5", "glgd:geometry=fisher,alpha=auto"),
        "alternating",
    ]
    assert labels("glgd", "glgd:alpha=3", sweep={"alpha": np.array([0.5, 1])}) == [
        *("glgd:alpha=0.5", "glgd:alpha=1", "glgd:alpha=3")
    ]


@pytest.mark.parametrize("sweep", ["alpha=1,1.0,2", {"alpha": [1, 2, 1.0]}])
def test_a_value_named_twice_in_a_sweep_is_refused(sweep):
    with pytest.raises(InputError, match="sweep names alpha=1 twice"):
        labels("glgd", sweep=sweep)


def test_a_sweep_over_two_keys_takes_every_combination():
    sweep = {"game": ["minimax", "logit"], "alpha": [0.5, 1.0]}
    assert labels("glgd", sweep=sweep) == [
        *("glgd:game=minimax,alpha=0.5", "glgd:game=minimax,alpha=1"),
        *("glgd:game=logit,alpha=0.5", "glgd:game=logit,alpha=1"),
    ]


def test_a_sweep_over_the_parameter_of_a_game():
    assert labels("glgd:game=least-squares", sweep="a=-1,0") == [
        *("glgd:game=least-squares,a=-1", "glgd:game=least-squares,a=0")
    ]
    # A game without the parameter is run once.
    sweep = {"game": ["minimax", "least-squares"], "a": [-1, 0]}
    assert labels("glgd", sweep=sweep) == [
        "glgd:game=minimax",
        *("glgd:game=least-squares,a=-1", "glgd:game=least-squares,a=0"),
    ]


def test_games_of_ones_own(tmp_path):
    path = tmp_path / "my_gan.py"
    path.write_text("from ratiogan import games\nloss = games.game('minimax')\n")
    for name in (f"glgd:game={path}:loss", f"glgd:alpha=1,game={path}:loss"):
        assert options(name)["game"].spec == f"{path}:loss"
    game = games.game("minimax")
    assert options("glgd", game=game)["game"] is game
    assert labels("glgd", sweep={"game": [game]}) == ["glgd:game=minimax"]


@pytest.mark.parametrize(
    "specs, settings, match",
    [
        (["glgf"], {}, 'no algorithm "glgf". Nearest: glgd'),
        (["glgd:alhpa=1"], {}, 'has no parameter "alhpa". Nearest: alpha'),
        (["alternating:alpha=1"], {}, 'has no parameter "alpha"'),
        (["glgd:a=1"], {}, 'with the game non-saturating has no parameter "a"'),
        (["glgd:a=-1"], {"sweep": "game=least-squares,minimax"}, "the game minimax has no"),
        (["glgd:game=least-squares:a=1,a=2"], {}, "both set a"),
        (["glgd:game=lsgan"], {}, 'no game "lsgan"'),
        (["glgd:game=./missing.py:loss"], {}, "missing.py is not a file"),
        (["glgd:geometry=euclidean"], {}, "geometry must be one of"),
        (["glgd:step=polyak"], {}, "step must be one of"),
        (["alternating:ties=last"], {}, "ties must be one of"),
        (["glgd:alpha=-1"], {}, "alpha must be above 0"),
        (["glgd:alpha=fast"], {}, "alpha must be a number"),
        (["glgd:tol=-1"], {}, "tol must be at least 0"),
        (["glgd:max_steps=0"], {}, "max_steps must be at least 1"),
        (["glgd:max_steps=1.5"], {}, "max_steps must be a whole number"),
        (["glgd", "glgd"], {}, "glgd is asked for twice"),
        (["glgd"], {"sweep": "ties=first,random"}, 'no run has a parameter "ties"'),
        (["glgd"], {"sweep": "alpha"}, "sweep must be KEY=V1,V2"),
        (["glgd"], {"sweep": "alpha=1,,2"}, "sweep must be KEY=V1,V2"),
        (["glgd"], {"sweep": "game=least-squares:a=1,b=2"}, "sweep must be KEY=V1,V2"),
        (["glgd"], {"sweep": {"alpha": []}}, "no value for alpha"),
        (["alternating"], {"alpha": 1.0}, 'no run has a parameter "alpha"'),
        (["glgd"], {"treads": 1}, 'no run has a parameter "treads". Nearest: threads'),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(specs, settings, match):
    with pytest.raises(InputError, match=match):
        expand(specs, **settings)


def test_nothing_runs_if_one_spec_is_wrong(recorded, problem):
    real, gen = problem
    with pytest.raises(InputError, match="above 0"):
        compare("glgd", "glgd:alpha=-1", real=real, gen=gen)
    with pytest.raises(InputError, match="seed must be at least 0"):
        compare("glgd", seed=-1)
    assert recorded == []


# running


def test_all_runs_share_the_problem_and_the_seed(recorded, problem):
    real, gen = problem
    found = compare("glgd:alpha=2", "alternating", real=real, gen=gen, seed=7, tol=1e-8)
    (first, glgd), (second, alternating) = recorded
    assert (first, second) == ("glgd", "alternating")
    for call in (glgd, alternating):
        assert call["real"] is real and call["gen"] is gen and call["progress"] is None
    assert (glgd["alpha"], glgd["tol"], alternating["rng"]) == (2.0, 1e-8, 7)
    assert "rng" not in glgd and "tol" not in alternating
    assert found.labels == ("glgd:alpha=2", "alternating")
    assert (found.real, found.gen, found.seed, found.interrupted) == (real, gen, 7, False)


def test_without_specs_both_algorithms_run(recorded):
    assert compare().labels == ("glgd", "alternating")
    assert recorded[0][1]["real"].label.startswith("bimodal")


def test_an_interrupted_run_is_kept_and_ends_the_comparison(problem, monkeypatch, recorded):
    stopped = run_of(problem, status=Status.INTERRUPTED)
    solve = comparison.SOLVERS["glgd"]

    def second(**arguments):
        return stopped if len(recorded) else solve(**arguments)

    second.__signature__ = solve.__signature__
    monkeypatch.setitem(comparison.SOLVERS, "glgd", second)
    found = compare("glgd", "glgd:alpha=1", "glgd:alpha=2", real=problem[0], gen=problem[1])
    assert found.interrupted and found.labels == ("glgd", "glgd:alpha=1")


def test_a_ctrl_c_keeps_what_was_finished(problem, monkeypatch, recorded):
    solve = comparison.SOLVERS["glgd"]

    def interrupt(**arguments):
        raise KeyboardInterrupt

    interrupt.__signature__ = inspect.signature(SOLVERS["alternating"])
    monkeypatch.setitem(comparison.SOLVERS, "alternating", interrupt)
    found = compare("glgd", "alternating", "glgd:alpha=2", real=problem[0], gen=problem[1])
    assert found.interrupted and found.labels == ("glgd",)
    assert solve is comparison.SOLVERS["glgd"]
    with pytest.raises(KeyboardInterrupt):
        compare("alternating", real=problem[0], gen=problem[1])


def test_real_runs_of_every_algorithm(tmp_path):
    found = compare("glgd:geometry=fisher", "glgd", "alternating:ties=first", grid=64, tol=1e-8)
    assert [run.status.value for run in found.runs] == ["converged", "converged", "cycle"]
    assert found.finding.startswith("BEST: glgd:geometry=fisher (")
    first = found.runs[1].trace
    assert steps_to_rms(found.runs[1])[0] == first.step[np.argmax(first.rms_error < 1e-3)]
    found.save(tmp_path)
    assert load_comparison(tmp_path) == found
    json.dumps(found.to_dict(all_rows=True), allow_nan=False)


# the table


def test_the_summary_is_the_specified_text(four):
    assert four.summary() == TABLE


def test_long_labels_status_and_steps_stay_within_the_line(problem):
    spec = "glgd:game=exponential,generator=flipped,geometry=lebesgue,alpha=0.125,tol=1e-12"
    long = run_of(problem, steps=12_345_678, status=Status.INTERRUPTED, error=np.inf)
    text = Comparison((run_of(problem), long), ("glgd", spec), *problem).summary()
    lines = text.split("\n")
    assert max(map(len, lines)) <= 120 and text.isascii()
    assert f"  {spec}" in lines
    row = lines[lines.index(f"  {spec}") + 1]
    glgd = next(line for line in lines if line.startswith("  glgd "))
    assert row.index("interrupted") == glgd.index("converged")
    assert row.index("12345678") + 8 == glgd.index("38") + 2


@pytest.mark.parametrize(
    "first, second, finding",
    [
        ({}, dict(steps=60), "BEST: a (38 steps to max|R-1| < 1e-10); b needs 60."),
        ({}, dict(steps=95), "BEST: a (38 steps to max|R-1| < 1e-10); b needs 2.5x as many."),
        (dict(steps=0), dict(steps=1), "BEST: a (0 steps to max|R-1| < 1e-10); b needs 1."),
        (dict(error=1e-3), dict(steps=60), "BEST: a (38 steps); b needs 60."),
        (
            {},
            dict(status=Status.STALLED),
            "BEST: a (38 steps to max|R-1| < 1e-10); b does not converge (stalled).",
        ),
        (
            dict(status=Status.MAX_STEPS, error=0.2),
            dict(status=Status.HOPPING, error=0.1, steps=1),
            "NONE CONVERGED: closest is b, max|R-1| = 1.0e-01 after 1 step.",
        ),
        (
            dict(status=Status.DIVERGED, error=np.nan),
            dict(status=Status.UNSTABLE, error=np.inf),
            "NONE CONVERGED: closest is a, max|R-1| = nan after 38 steps.",
        ),
    ],
)
def test_the_finding_names_the_best_run_and_by_how_much(problem, first, second, finding):
    runs = (run_of(problem, **first), run_of(problem, **second))
    assert Comparison(runs, ("a", "b"), *problem).finding == finding


def test_newton_has_neither_a_step_size_nor_a_rate_in_numbers(problem):
    newton = run_of(
        problem,
        options={"step": "newton"},
        predictions=(Prediction("rate per step near R = 1", "quadratic", 0.1),),
    )
    row = Comparison((newton,), ("glgd:step=newton",), *problem).table()[1][0]
    assert (row[1], row[5], row[6]) == ("-", "-", "0.1000")


def test_one_run_alone_is_a_comparison(problem):
    alone = Comparison((run_of(problem),), ("glgd",), *problem)
    assert alone.finding == "BEST: glgd (38 steps to max|R-1| < 1e-10)."
    assert "start from the same R" not in alone.summary()


@pytest.mark.parametrize(
    "changes, sentence",
    [
        (dict(options={"alpha": 2.0}), None),
        (
            dict(options={"alpha": 2.0, "alpha_is_auto": False}),
            "All start from the same R and descend the same E[Phi]; only the step size differs.",
        ),
        (
            dict(options={"step": "newton", "geometry": "fisher"}),
            "All start from the same R and descend the same E[Phi]; only the inner product and "
            "the step rule differ.",
        ),
        (dict(options={"game": "minimax"}), None),
    ],
)
def test_the_last_sentence_says_what_alone_differs(problem, changes, sentence):
    runs = (run_of(problem), run_of(problem, steps=50, **changes))
    summary = Comparison(runs, ("a", "b"), *problem).summary()
    if sentence is None:
        assert "start from the same R" not in summary
    else:
        assert summary.endswith(sentence)


def test_steps_to_rms_is_exact_where_every_step_was_recorded_and_geometric_between(problem):
    assert steps_to_rms(run_of(problem)) == (13, True)
    sparse = Trace(step=[0, 10, 30], rms_error=[1.0, 1e-2, 1e-4], js=[1, 1, 1])
    assert steps_to_rms(run_of(problem, trace=sparse)) == (20, False)
    zero = Trace(step=[0, 10, 30], rms_error=[1.0, 1e-2, 0.0], js=[1, 1, 1])
    assert steps_to_rms(run_of(problem, trace=zero)) == (30, False)
    start = Trace(step=[0], rms_error=[0.0], js=[0.0])
    assert steps_to_rms(run_of(problem, trace=start)) == (0, True)
    never = Trace(step=[0, 1], rms_error=[1.0, np.nan], js=[1, 1])
    assert steps_to_rms(run_of(problem, trace=never)) == (None, True)
    text = Comparison((run_of(problem, trace=sparse),), ("a",), *problem).table()[1]
    assert text[0][4] == "~20"


def test_to_dict_has_the_runs_in_the_order_they_were_asked_for(four):
    content = json.loads(json.dumps(four.to_dict(), allow_nan=False))
    assert [run["spec"] for run in content["runs"]] == list(four.labels)
    assert [run["steps_to_rms"] for run in content["runs"]] == [13, 10, 4496, None]
    assert content["runs"][0]["status"]["code"] == "converged"
    assert content["finding"] == four.finding and four.as_predicted


def test_markdown_has_one_line_per_run(four):
    lines = four.markdown().strip().split("\n")
    assert lines[0] == four.finding
    assert len(lines) == 2 + 2 + 4
    assert lines[4].startswith("| glgd:geometry=fisher | 1 | converged | 34 |")


# the folder


def test_save_and_load_give_an_equal_comparison(four, tmp_path):
    names = four.save(tmp_path, command=["ratiogan", "compare", "glgd"])
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert names == [*(f"run-0{i}.npz" for i in (1, 2, 3, 4)), "comparison.json"]
    back = load_comparison(tmp_path)
    assert back == four
    assert back.labels == four.labels and back.summary() == four.summary()
    assert back.runs[0].command == ("ratiogan", "compare", "glgd")


def test_runs_of_an_earlier_comparison_are_not_read(four, problem, tmp_path):
    four.save(tmp_path)
    fewer = Comparison(four.runs[:2], four.labels[:2], *problem, seed=3, interrupted=True)
    fewer.save(tmp_path)
    assert load_comparison(tmp_path) == fewer


def test_a_save_that_was_stopped_leaves_no_comparison_of_two_kinds(four, tmp_path, monkeypatch):
    four.save(tmp_path)
    calls = []
    save = Solution.save

    def fail_at_second(self, *arguments):
        calls.append(self)
        if len(calls) == 2:
            raise KeyboardInterrupt
        save(self, *arguments)

    monkeypatch.setattr(Solution, "save", fail_at_second)
    with pytest.raises(KeyboardInterrupt):
        four.save(tmp_path)
    with pytest.raises(InputError, match=r"holds no comparison\.json"):
        load_comparison(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"runs": [{}]}', '{"runs": 3}', '{"runs": [], "seed": 0}', "\x00"]
)
def test_a_damaged_index_is_refused(tmp_path, content):
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(InputError, match="is damaged, or no comparison"):
        load_comparison(tmp_path)


def test_an_index_that_lacks_a_run_or_leads_elsewhere_is_refused(four, tmp_path):
    four.save(tmp_path)
    os.unlink(tmp_path / "run-02.npz")
    with pytest.raises(InputError, match=r"there is no file .*run-02\.npz"):
        load_comparison(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        four.save(tmp_path / "missing")
    index = json.loads((tmp_path / "comparison.json").read_text())
    index["runs"][1]["file"] = "../../etc/run-01.npz"
    (tmp_path / "comparison.json").write_text(json.dumps(index))
    assert load_comparison(tmp_path).runs[1] == four.runs[0]


def test_own_code_is_executed_once_per_spec(tmp_path):
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        f"with open({str(tmp_path / 'log')!r}, 'a') as log: log.write('x')\n"
        "GAME = {'loss_real': lambda f: -np.log(f), 'loss_gen': lambda f: -np.log1p(-f)}\n"
    )
    spec = f"{tmp_path / 'own.py'}:GAME"
    found = compare("glgd", game=spec, grid=16, max_steps=2)
    assert (tmp_path / "log").read_text() == "x"
    assert found.runs[0].options["game"] == spec


# training among the runs


def test_a_game_parameter_called_generator_stays_the_games():
    ((_, _, found),) = expand(["training:game=0-1,generator=flipped,disc_cells=16x16"])
    assert found == {"game": "0-1:generator=flipped", "disc_cells": (16, 16)}
    assert options("training:family=ratio") == {"family": "ratio"}


def test_what_nobody_asked_for_is_left_to_the_scenario():
    text = "training:scenario=none,gen_loss=same,data=fresh,disc_cells=all,gen_cells=all"
    assert options(text) == {}
    assert options("training:scenario=healthy", max_steps=7) == {
        "scenario": "healthy",
        "max_steps": 7,
    }


def test_runs_of_training_are_judged_by_their_divergence():
    found = compare("training", "training:disc_steps=5", grid=32, max_steps=400, sweep="batch=16")
    late = [run.trace.kl[run.trace.step >= 300].mean() for run in found.runs]
    first, last = found.ranking
    assert late[first] <= late[last]
    called = {"training:batch=16": "disc_steps=1", "training:disc_steps=5,batch=16": "disc_steps=5"}
    assert found.finding.startswith(
        f"BEST of 2: {called[found.labels[first]]} (KL {late[first]:.2g}"
    )
    assert "max|R-1|" not in found.finding
    assert "KL(p_g||p_r) and JSD: means over the last quarter of the turns" in found.summary()
    alone = compare("training", grid=32, max_steps=40)
    assert alone.finding == f"training: {alone.runs[0].finding}"
    mixed = compare("glgd", "training:batch=exact", grid=32, max_steps=60)
    assert mixed.finding.startswith("BEST: glgd (")
    assert mixed.finding.endswith("training:batch=exact had no tolerance, and took its 60 turns.")


def test_only_what_is_w1_is_called_w1():
    assert "W1" not in compare("glgd", "glgd:geometry=fisher", grid=32).summary()
    text = compare("wglgd:step=polyak", "wgan:max_steps=20", grid=32, max_steps=20).summary()
    assert "W1, mean of the last quarter" in text


# training: one batched call, judged by the late KL, and the map of two settings

TRAINED = {"grid": 64, "max_steps": 200}


@pytest.mark.parametrize("threads", (None, 1, 2))
def test_training_runs_are_one_call_and_equal_to_the_serial_ones(threads):
    found = compare(
        "training",
        "training:batch=exact,game=logit",
        sweep={"alpha_gen": [1e-4, 1e-2], "disc_cells": [8, "all"]},
        seed=3,
        threads=threads,
        **TRAINED,
    )
    assert len(found.runs) == 8
    for label, run in zip(found.labels, found.runs, strict=True):
        keys = dict(parse(label).options)
        if keys.get("disc_cells") == "all":
            del keys["disc_cells"]
        alone = training(**keys, rng=3, **TRAINED)
        assert run.ratio.tobytes() == alone.ratio.tobytes() and run.trace == alone.trace
        assert run.snapshots.tobytes() == alone.snapshots.tobytes()
        assert run.options == alone.options and run.finding == alone.finding
    assert sweep_map(found) is None  # two settings, but in two specs


def test_training_beside_another_algorithm_is_as_before():
    found = compare("training:max_steps=50", "glgd", grid=32, record="log", snapshots=False)
    assert found.finding.startswith("BEST: glgd")
    assert [run.snapshots is None or not len(run.snapshots) for run in found.runs] == [True, True]
    assert found.runs[0].trace == training(grid=32, max_steps=50, record="log").trace


def test_what_is_not_said_is_left_to_training():
    assert options("training", max_steps=10) == {"max_steps": 10}
    assert options("training:data=fresh,disc_cells=all,batch=64") == {"batch": 64}
    assert options("training:game=0-1,gen_loss=same") == {"game": "0-1:generator=zero-sum"}


def test_a_map_holds_every_combination_and_its_late_kl():
    rates, steps = [1e-2, 1e-4, 0.3], [5, 1]
    found = compare("training", sweep={"disc_steps": steps, "alpha_gen": rates}, **TRAINED)
    drawn = sweep_map(found)
    assert (drawn.row_key, drawn.column_key) == ("disc_steps", "alpha_gen")
    assert drawn.rows == (1, 5) and drawn.columns == (1e-4, 1e-2, 0.3)
    levels = drawn.levels(found.runs)
    for (row, column), i in np.ndenumerate(drawn.index):
        run = found.runs[i]
        assert run.options["disc_steps"] == drawn.rows[row]
        assert run.options["alpha_gen"] == drawn.columns[column]
        late = run.trace.step >= 150
        assert levels[row, column] == pytest.approx(run.trace.kl[late].mean())
    ranks = [levels.ravel()[list(drawn.index.ravel()).index(i)] for i in found.ranking]
    assert ranks == sorted(ranks)
    name = found.labels[found.ranking[0]].removeprefix("training:").replace(",", ", ")
    assert found.finding.startswith(f"BEST of 6: {name} (KL 0.")
    assert "; 2 of 6 collapse, 1 cycles; KL spans " in found.finding
    for text in (found.summary(), found.summary(all_rows=True)):
        assert max(map(len, text.splitlines())) <= 120
    assert "cells in use" in found.summary(all_rows=True) and "cells in use" not in found.summary()


def test_maps_of_words_of_many_columns_and_what_is_no_map():
    found = compare("training", sweep={"batch": ["exact", 64, 8], "optimizer": ["sgd", "adam"]},
                    grid=16, max_steps=5)  # fmt: skip
    drawn = sweep_map(found)
    assert (drawn.columns, drawn.rows) == ((8, 64, "exact"), ("adam", "sgd"))
    many = compare(
        "training", sweep={"alpha_gen": [1e-4 * k for k in range(1, 21)], "gen_steps": [1, 2]},
        grid=16, max_steps=5,
    )  # fmt: skip
    text = sweep_map(many).text(many.runs)
    assert max(map(len, text.splitlines())) <= 120 and text.count("gen_steps \\ alpha_gen") == 2
    partial = replace(many, runs=many.runs[:-1], labels=many.labels[:-1])
    assert sweep_map(partial) is None and sweep_map(compare(grid=16)) is None


@pytest.mark.parametrize(
    ("changes", "course"),
    [
        ({}, "converging"),
        ({"status": Status.DIVERGED}, "diverged"),
        ({"trace": Trace(step=[0, 8, 9], js=[0.1, 0.2, 0.3], kl=[1.0, 2.0, 4.0])}, "rose"),
        (
            {
                "trace": Trace(step=[0, 8, 9], js=[0.1, 0.2, 0.3], kl=[1.0, 2.0, 4.0]),
                "status": Status.MAX_STEPS,
            },
            "rose",
        ),
        (
            {"trace": Trace(step=[0, 8, 9], js=[0.1, 0.2, 0.1005], kl=[1.0, 2.0, 1.0])},
            "rose",
        ),
        ({"trace": Trace(step=[0, 1, 9], js=[0.1, 0.2, 0.1005], kl=[1.0, 2.0, 0.3])}, "stayed"),
        ({"status": Status.HOPPING}, "hopping"),
    ],
)
def test_what_became_of_a_run(problem, changes, course):
    trace = Trace(step=[0, 8, 9], js=[0.1, 0.01, 0.02], kl=[1.0, 0.2, 0.4])
    run = run_of(problem, "training", **{"status": Status.CONVERGING, "trace": trace, **changes})
    assert course_of(run) == course and course in COURSES
    late = run.trace.kl[run.trace.step >= 0.75 * 9].mean()
    expected = np.inf if course == "diverged" else late
    assert late_levels([run])[0] == pytest.approx(expected)
    found = Comparison((run, run), ("training:batch=1", "training:batch=2"), *problem)
    verb = {"converging": "all end below", "diverged": "NONE STOOD: 2 of 2 diverge",
            "rose": "2 of 2 end above", "hopping": "2 of 2 collapse",
            "stayed": "2 of 2 stay within 1%"}[course]  # fmt: skip
    assert verb in found.finding
    if course != "diverged":
        assert found.finding.startswith(f"BEST of 2: batch=1 (KL {late:.2g}")
        assert ", as the others); " in found.finding and " to " not in found.finding


def test_findings_of_training_runs_say_what_is_true():
    still = compare("training", sweep="alpha_gen=0,1e-6", **TRAINED).finding
    assert "stays within 1% of its start" in still and "below" not in still
    there = compare("training", sweep="alpha_gen=0.01,0.02", tol=0.6, **TRAINED).finding
    assert "2 of 2 were below tol at their start" in there
    risen = compare("training", sweep="alpha_disc=0,1e-9", alpha_gen=0.05, tol=1e-6, **TRAINED)
    assert {run.status.value for run in risen.runs} <= {"max-steps", "stalled", "collapsed"}
    lost = {"game": "least-squares", "optimizer": "sgd", "batch": "exact"}
    found = compare("training", sweep="alpha_disc=1e3,2e3", **lost, **TRAINED)
    assert found.finding == "NONE STOOD: 2 of 2 diverge."


def test_a_table_of_training_runs_has_what_they_are_ranked_by():
    found = compare("training", sweep="alpha_gen=1e-4,1e-3,0.3", **TRAINED)
    headings, rows = found.table()
    assert headings[:5] == ["run", "status", "ends", "turns", "KL"] and len(rows) == 3
    assert [row[0] for row in rows] == [found.labels[i] for i in found.ranking]
    best = found.runs[found.ranking[0]]
    late = best.trace.step >= 150
    assert float(rows[0][4]) == pytest.approx(best.trace.kl[late].mean(), rel=0.05)
    assert float(rows[0][5]) == pytest.approx(best.trace.js[late].mean(), rel=0.05)
    cells = np.median(best.trace.effective_support[late])
    assert rows[0][6:] == [f"{cells:.1f}", f"{np.median(best.trace.modes[late]):.0f}"]
    assert rows[-1][2] == "above its start" and "p_r uses 43 cells" in found.summary()
    assert "rms<1e-3" not in found.summary()
    assert "| KL | JSD |" in found.markdown()
    long = compare(*(f"training:family=particles,disc_cells=16,discriminator=cells,particles={n}"
                     for n in (70, 100)), grid=32, max_steps=5)  # fmt: skip
    assert max(map(len, long.summary().splitlines())) <= 120


def test_settings_of_particles_are_those_of_training():
    text = "training:family=particles,particles=100,discriminator=kde,bandwidth=0.4"
    assert options(text) == {
        "family": "particles", "particles": 100, "discriminator": "kde", "bandwidth": 0.4,
    }  # fmt: skip
    assert options("training:particles=none,discriminator=none,bandwidth=none") == {}
    found = compare(text, grid=32, max_steps=3)
    assert len(found.runs[0].particles) == 100
    with pytest.raises(InputError, match='"training" has no parameter "alpha"'):
        compare("training:alpha=1")
    with pytest.raises(InputError, match="bandwidth is a setting of family particles"):
        compare("training:bandwidth=0.4")


def test_ctrl_c_in_a_map_keeps_every_run():
    def press(*told):
        signal.raise_signal(signal.SIGINT)

    found = compare(
        "training", sweep={"alpha_gen": [1e-4, 1e-3], "disc_steps": [1, 2]}, grid=64,
        max_steps=10**7, progress=press,
    )  # fmt: skip
    assert found.interrupted and len(found.runs) == 4
    assert "4 of 4 were interrupted" in found.finding and sweep_map(found)
