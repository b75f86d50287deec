"""What a run on a cluster hands back: all that a `Solution` says, with R left where it is."""

import json
import os

import numpy as np

from ratiogan.cluster.cells import LongAxis
from ratiogan.distribution import Distribution, restrict
from ratiogan.errors import InputError
from ratiogan.files import write_atomically
from ratiogan.grid import Grid
from ratiogan.solution import RUN_FILE, Solution

CHUNK_FILE = "chunk-{:04d}.npz"
INDEX_FILE = "chunks.json"
GATHERED = 1 << 24  # cells that `ratio` brings here by itself: 134 MB
# Coarse cells along an axis, by the number of axes: what a figure can show.
_COARSE = {1: 4096, 2: 256, 3: 64}


class ChunkedSolution:
    """The outcome of `glgd` on a scheduler. R stays on the workers until `close`.

    It has the fields of a `Solution` that are no arrays over the cells: algorithm, status, finding,
    n_steps, trace, certificate, predictions, options, warnings, seconds. `gather` gives the
    `Solution` itself, `coarse` one on fewer cells, which figures and tables are made of.

    Attributes
    ----------
    grid : LongGrid
    real, gen : Side
        p_r, and p_g at the start, as recipes.
    replayed : tuple of str
        What was done again because a worker was lost.
    chunks : int
        In how many chunks R lies.
    workers : int
    """

    def __init__(self, solver, facts, snapshots):
        self._solver, self._snapshots = solver, snapshots
        self._facts = {"notes": (), **facts}
        self._connection = None
        self._coarse = None
        self.grid, self.real, self.gen = solver.grid, solver.real, solver.gen
        self.replayed = tuple(solver.crew.replayed)
        self.chunks = len(solver.recipes)
        self.workers = solver.crew.size

    def __getattr__(self, name):
        facts = self.__dict__.get("_facts", {})
        if name not in facts:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return facts[name]

    def __repr__(self):
        return f"<Solution of {self.algorithm} in {self.chunks} chunks: {self.finding}>"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Free R on the workers, and end those that were started for it."""
        self._solver.crew.close()
        if self._connection is not None:
            self._connection.close()

    @property
    def max_error(self):
        """max|R-1| at the end."""
        return float(self.trace.max_error[-1])

    @property
    def ratio(self):
        """R on the grid, brought here: up to 16.8 million cells.

        Raises
        ------
        InputError
            For more cells, which are not moved by accident.
        """
        if self.grid.size > GATHERED:
            raise InputError(
                f"R has {self.grid.size} cells ({8e-9 * self.grid.size:.2g} GB) on the workers, "
                "too many to be moved by accident.",
                argument="ratio",
                fix="Call gather() for all of it, coarse() for less, or save(folder).",
            )
        return self.gather().ratio

    @property
    def discriminator(self):
        """f*(R) on the grid, as `ratio`."""
        return self._solver.game.best_response(self.ratio)

    def gather(self):
        """The `Solution` that one process would have: R, p_r and p_g in this one.

        Raises
        ------
        InputError
            If the memory of this machine cannot serve the grid.
        """
        whole = self.grid.whole()
        real, gen = (side.distribution(whole) for side in (self.real, self.gen))
        gen = restrict(gen, real) if self.gen.restricted else gen
        ratio = self._solver.state()
        return Solution(
            ratio=ratio,
            discriminator=self._solver.game.best_response(ratio),
            real=real,
            gen=gen,
            snapshots=np.stack(self._snapshots) if self._snapshots else None,
            **self._facts,
        )

    def coarse(self):
        """The same run on fewer cells: masses added up, R their ratio.

        Trace, certificate and predictions are those of all cells.

        They are 4096, 256 x 256 or 64 x 64 x 64 at most.

        Returns
        -------
        Solution
        """
        if self._coarse is None:
            self._coarse = self._coarsened()
        return self._coarse

    def _coarsened(self):
        bounds = coarse_bounds(self.grid)
        grid = Grid(
            [_edges(axis, ends) for axis, ends in zip(self.grid.axes, bounds, strict=True)],
            self.grid.names,
            [
                axis.kind if len(ends) == axis.size + 1 else None
                for axis, ends in zip(self.grid.axes, bounds, strict=True)
            ],
            [axis.levels for axis in self.grid.axes],
        )
        sums = (*self._solver.crew.ask(sum, "coarse_sums", bounds), self._solver.coarse_gen)
        real, now, gen = (np.reshape(values, grid.shape) for values in sums)
        with np.errstate(invalid="ignore"):
            ratio = np.where(real > 0, now / real, np.nan)
        facts = {
            **self._facts,
            "snapshot_steps": (),
            "notes": (
                *self._facts["notes"],
                f"Densities and R are those of {'x'.join(map(str, grid.shape))} cells, sums over "
                f"the {'x'.join(map(str, self.grid.shape))} of the run.",
            ),
        }
        return Solution(
            ratio=ratio,
            discriminator=self._solver.game.best_response(ratio),
            real=_as_distribution(self.real, real, grid),
            gen=_as_distribution(self.gen, gen, grid),
            **facts,
        )

    def save(self, folder, command=None, chunks=True):
        """Write the run into a folder: a file per chunk, their index, and the coarse run.

        The workers write the chunks, so that the folder must be one that they see. ``rg.load`` and
        ``ratiogan plot`` read the coarse run.

        Parameters
        ----------
        folder : str or path
            Made if it is not there.
        command : str or sequence of str, optional
        chunks : bool
            Whether to write R itself, 16 bytes a cell with p_r.

        Returns
        -------
        list of str
            The names of the files.

        Raises
        ------
        InputError
            If the folder cannot be made, or is not there where a worker is.
        """
        folder = os.path.abspath(os.fspath(folder))
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot make the folder {folder}: {error.strerror}.",
                argument="folder",
                fix="Choose another.",
            ) from error
        names = []
        if chunks:
            names = [CHUNK_FILE.format(k) for k in range(self.chunks)]
            paths = {k: (os.path.join(folder, name),) for k, name in enumerate(names)}
            failed = [f for f in self._solver.crew.ask(list, "save", own=paths) if f]
            if failed:
                raise InputError(failed[0], argument="folder", fix="Choose one that all see.")
            recipes = self._solver.recipes
            index = {
                "schema": "ratiogan-chunks",
                "schema_version": 1,
                "grid": self.grid.to_dict(),
                "real": self.real.label,
                "gen": self.gen.label,
                "chunks": [
                    {"file": name, "start": recipe.start, "stop": recipe.stop}
                    for name, recipe in zip(names, recipes, strict=True)
                ],
            }
            write_atomically(os.path.join(folder, INDEX_FILE), json.dumps(index, indent=2) + "\n")
            names.append(INDEX_FILE)
        self.coarse().save(folder, command)
        return [*names, RUN_FILE]

    # --- what a `Solution` says of itself ---

    def summary(self, all_rows=False):
        """The run as text, as of a `Solution`."""
        return self.coarse().summary(all_rows)

    def to_dict(self, all_rows=False):
        """The run as strict JSON holds it, as of a `Solution`."""
        return self.coarse().to_dict(all_rows)

    def plot(self, style="slide"):
        """The figure of the coarse run."""
        return self.coarse().plot(style)

    def animate(self, path):
        """The animation of the coarse run."""
        return self.coarse().animate(path)

    def _repr_html_(self):
        return self.coarse()._repr_html_()


def read_chunks(folder):
    """R of a run that was saved in chunks, a chunk at a time.

    Parameters
    ----------
    folder : str or path
        What `ChunkedSolution.save` wrote.

    Yields
    ------
    cells : int array (n,)
        Flat numbers of the cells with p_r > 0.
    ratio, real : array (n,)
        R and the masses of p_r there.
    """
    path = os.path.join(os.fspath(folder), INDEX_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            names = [os.path.basename(chunk["file"]) for chunk in json.load(file)["chunks"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{os.fspath(folder)} holds no run in chunks ({type(error).__name__}).",
            argument="folder",
            fix="Pass the folder that ChunkedSolution.save wrote.",
        ) from error
    for name in names:
        file = os.path.join(os.fspath(folder), name)
        try:
            with np.load(file, allow_pickle=False) as stored:
                cells, ratio, real = stored["cells"], stored["ratio"], stored["real"]
        except Exception as error:  # whatever a damaged file raises
            raise InputError(
                f"{file} is damaged, or missing ({type(error).__name__}).", argument="folder"
            ) from error
        if cells.size == 2 and ratio.size != 2:
            cells = np.arange(*cells)
        yield cells, ratio, real


def coarse_bounds(grid):
    """For every axis the cells at which coarser ones begin, and their number."""
    return [_bounds(axis, _COARSE[grid.ndim]) for axis in grid.axes]


def _bounds(axis, most):
    if axis.kind == "categories" or axis.size <= most:
        return np.arange(axis.size + 1)
    even = next(count for count in range(most, 0, -1) if axis.size % count == 0)
    count = even if 2 * even > most else most
    return np.arange(count + 1) * axis.size // count


def _edges(axis, bounds):
    if not isinstance(axis, LongAxis):
        return axis.edges[bounds]
    edges = bounds * ((axis.high - axis.low) / axis.size) + axis.low
    edges[-1] = axis.high
    return edges


def _as_distribution(side, mass, grid):
    return Distribution(grid, mass, **side.facts)
