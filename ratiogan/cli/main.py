"""The program ``ratiogan``: its commands, its welcome page, and what becomes of an error.

To add a command: write it in a module of this folder with `frame.command`, and add one line to
`COMMANDS` (or, for an algorithm, to `run.ALGORITHMS`). Modules load when their command is called.
"""

import atexit
import gc
import os
import sys

import click

from ratiogan.cli.frame import LazyGroup
from ratiogan.cli.options import OPTIONS
from ratiogan.errors import InputError, nearest

# name: (module:function, heading of --help, what it does)
COMMANDS = {
    "run": (
        "ratiogan.cli.run:run",
        "Theory",
        "run one algorithm: glgd | conditional | alternating | wglgd | wgan | training",
    ),
    "compare": (
        "ratiogan.cli.run:compare",
        "Theory",
        "several algorithms, games, geometries or steps on one problem, one figure",
    ),
    "games": (
        "ratiogan.cli.theory:games",
        "Theory",
        'the GAN games: best response, signal, induced cost, "will it converge?"',
    ),
    "table": (
        "ratiogan.cli.theory:table",
        "Theory",
        "the divergences: generator, conjugate, losses; every row verified as it is printed",
    ),
    "dynamics": (
        "ratiogan.cli.dynamics:dynamics",
        "Theory",
        "simulate a game of few parameters, method beside method",
    ),
    "stability": (
        "ratiogan.cli.dynamics:stability",
        "Theory",
        "is its equilibrium stable? eigenvalues, verdict, largest stable step",
    ),
    "explain": (
        "ratiogan.cli.names:explain",
        "Theory",
        'a game, algorithm, status or number ("0.693"): statement, argument',
    ),
    "diagnose": ("ratiogan.cli.samples:diagnose", "Samples", "the one command for two samples"),
    "modes": (
        "ratiogan.cli.samples:modes",
        "Samples",
        "which modes or classes are covered, thinned, missing",
    ),
    "check": ("ratiogan.cli.samples:check", "Samples", "gate for CI: limits on what is measured"),
    "count": ("ratiogan.cli.counts:count", "Samples", "histogram of a large source"),
    "merge": ("ratiogan.cli.counts:merge", "Samples", "sum of such histograms"),
    "divergence": (
        "ratiogan.cli.numbers:divergence",
        "Numbers",
        "all divergences between two exact distributions",
    ),
    "wasserstein": (
        "ratiogan.cli.numbers:wasserstein",
        "Numbers",
        "W1 with critic and two-sided certificate",
    ),
    "plot": ("ratiogan.cli.files:plot", "Files", "the figure of a saved run"),
    "animate": ("ratiogan.cli.files:animate", "Files", "the animation of a saved run"),
    "list": ("ratiogan.cli.names:list_names", "Files", "the names that options accept"),
    "completion": ("ratiogan.cli.names:completion", "Files", "print the completion script"),
}

WELCOME = """\
ratiogan {version}: GAN theory you can run, and a measuring instrument for generators.

  ratiogan run glgd                         watch the generator converge to R = p_g/p_r = 1
  ratiogan run alternating                  watch alternating minimization collapse onto one point
  ratiogan diagnose                         what does a generator get wrong? two samples in

  ratiogan --help       all commands            ratiogan explain glgd      the theory behind one
"""


def _welcome():
    from ratiogan import __version__
    from ratiogan.cli.output import write

    ctx = click.get_current_context()
    if ctx.invoked_subcommand is None:
        write(WELCOME.format(version=__version__))


cli = LazyGroup(
    "ratiogan",
    COMMANDS,
    callback=_welcome,
    help="GAN theory you can run, and a measuring instrument for generators.",
    params=[OPTIONS["version"]()],
)


def main(arguments=None):
    """Run the program and return its exit code; never raises, never shows a traceback unasked.

    Parameters
    ----------
    arguments : list of str, optional
        What follows ``ratiogan`` on the command line; default ``sys.argv[1:]``.

    Examples
    --------
    >>> main(["--version"])
    ratiogan 0.1.0
    0
    """
    if "_RATIOGAN_COMPLETE" in os.environ:
        cli.main(prog_name="ratiogan")
    if arguments is None:
        _spare_the_collector()
        arguments = sys.argv[1:]
    arguments = list(arguments)
    try:
        return _call(arguments)
    except BrokenPipeError:
        return _stop_writing()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        said = str(stop) or "interrupted; nothing more was written."
        return _refuse(arguments, "interrupted", 1, said)
    except InputError as error:
        return _refuse(
            arguments, error.code, error.exit_code, error.message, error.argument, error.fix
        )
    except click.UsageError as error:
        message, fix = _usage(error)
        argument = getattr(getattr(error, "param", None), "name", None)
        argument = argument or getattr(error, "option_name", None)
        return _refuse(arguments, "usage", 2, message, argument, fix)
    except MemoryError as error:
        return _fail(arguments, "memory", f"out of memory: {error}; take a smaller --grid.")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(arguments, "system", f"{where}{error.strerror or error}.")
    except Exception as error:
        # A kernel that Ctrl-C meets comes back as a SystemError of Numba's.
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            return _refuse(arguments, "interrupted", 1, "interrupted; nothing more was written.")
        sentence = f"internal error: {type(error).__name__}: {error}; please report it"
        hint = "." if "-v" in arguments else "; -v shows the traceback."
        return _fail(arguments, "internal", sentence + hint)


def _spare_the_collector():
    """Let Python look for garbage in cycles seldom, and not at all at exit.

    Modules and kernels are hundreds of thousands of objects, all of which stay: searching them
    takes up to a third of a command's time. Only where this process is the program.
    """
    gc.set_threshold(100_000, 50, 50)
    atexit.register(gc.freeze)


def _call(arguments):
    with cli.make_context("ratiogan", list(arguments), obj=arguments) as ctx:
        report = cli.invoke(ctx)
        if report is None:
            return 0
        from ratiogan.cli.output import emit

        try:
            emit(report, report.job)
        except BrokenPipeError:
            _stop_writing()
        return report.exit_code


def _stop_writing():
    """The reader (``| head``) has seen enough: leave nothing for Python to flush at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _usage(error):
    """Click's refusals in our words: what, got, nearest, where help is."""
    path = error.ctx.command_path if error.ctx else "ratiogan"
    see = f"See: {path} --help"
    if isinstance(error, click.NoSuchOption):
        known = [name for param in error.ctx.command.get_params(error.ctx) for name in param.opts]
        near = nearest(error.option_name, known)
        hint = f"Nearest: {', '.join(near)}. " if near else ""
        return f"{path} has no option {error.option_name}.", hint + see
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{path} needs {error.param.human_readable_name}.", see
    return error.format_message().rstrip(".") + ".", see


def _fail(arguments, code, sentence):
    """A failure at run time: exit 1, with the traceback where ``-v`` asks for it."""
    if "-v" in arguments:
        import traceback

        traceback.print_exc()
    return _refuse(arguments, code, 1, sentence)


def _refuse(arguments, code, exit_code, message, argument=None, fix=None):
    """Say what is wrong on stderr, and with ``--json`` in the envelope on stdout too."""
    from ratiogan.cli import output
    from ratiogan.cli.frame import Job

    output.say_error(message if fix is None else f"{message} {fix}")
    if "--json" in arguments:
        report = output.error_report(code, exit_code, message, argument, fix)
        output.write(output.dump(output.envelope(report, Job(arguments, {"seed": None}))))
    return exit_code
