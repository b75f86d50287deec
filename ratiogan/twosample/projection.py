"""Many columns seen through few: principal components of the pooled sample, or a given matrix."""

import os
from dataclasses import dataclass

import numpy as np

from ratiogan.errors import InputError
from ratiogan.tables import as_table, read_npy


@dataclass(frozen=True, eq=False)
class Projection:
    """A linear map of d columns to K.

    Attributes
    ----------
    label : str
        ``pca:2``, or the name of the file.
    names : tuple of str
        Names of the new columns.
    matrix : ndarray, shape (d, K)
    mean : ndarray, shape (d,)
        Subtracted first; 0 for a given matrix.
    explained : float or None
        Share of the pooled variance that the components hold.
    """

    label: str
    names: tuple
    matrix: np.ndarray
    mean: np.ndarray
    explained: float | None = None

    def __call__(self, x):
        """The rows of x (m, d), projected: (m, K)."""
        return (x - self.mean) @ self.matrix

    def to_dict(self):
        """For the JSON output."""
        return {"source": self.label, "columns": list(self.names), "explained": self.explained}


def fit_projection(project, sides, names):
    """Read a projection, or fit it to the pooled samples.

    Parameters
    ----------
    project : text, path or array_like, shape (d, K)
        ``pca:K``: the K directions in which the pooled sample varies most, in the columns' own
        units, each with its largest weight positive.
    sides : list
        Samples with `chunks` and `rows`.
    names : sequence of str
        Names of the columns.

    Returns
    -------
    Projection
    """
    if isinstance(project, str) and project.partition(":")[0].lower() == "pca":
        return _components(project, sides, names)
    if isinstance(project, (str, os.PathLike)):
        return _given(_read_matrix(os.fspath(project)), os.fspath(project), names)
    return _given(np.asarray(project), "the projection given", names)


def _components(project, sides, names):
    text = project.partition(":")[2]
    if not text.isdecimal() or not 1 <= int(text) <= 3:
        raise InputError(
            f"project must be pca:1, pca:2, pca:3 or a file, got {project!r}.", argument="project"
        )
    count, columns = int(text), len(names)
    if count > columns:
        raise InputError(
            f"project {project} needs {count} columns, the samples have {columns}.",
            argument="project",
            fix=f"Write pca:{columns}.",
        )
    rows = sum(side.rows for side in sides)
    mean = sum(chunk.sum(axis=0) for side in sides for chunk in side.chunks()) / rows
    products = np.zeros((columns, columns))
    for side in sides:
        for chunk in side.chunks():
            centred = chunk - mean
            products += centred.T @ centred
    _, sizes, directions = np.linalg.svd(products / rows)
    if sizes[count - 1] <= 1e-12 * sizes[0] or sizes[0] == 0:
        rank = int(np.sum(sizes > 1e-12 * sizes[0])) if sizes[0] > 0 else 0
        raise InputError(
            f"the pooled sample varies in {rank} direction{'' if rank == 1 else 's'} only, "
            f"{project} needs {count}.",
            argument="project",
            fix=f"Write pca:{rank}." if rank else None,
        )
    matrix = directions[:count].T
    # Either sign is a component: fix it, so that two runs show the same picture.
    largest = matrix[np.abs(matrix).argmax(axis=0), np.arange(count)]
    matrix = matrix * np.where(largest < 0, -1.0, 1.0)
    explained = float(sizes[:count].sum() / sizes.sum())
    return Projection(
        f"pca:{count}", tuple(f"pc{i + 1}" for i in range(count)), matrix, mean, explained
    )


def _read_matrix(path):
    if not os.path.isfile(path):
        raise InputError(
            f"--project {path} is no file.",
            argument="project",
            fix="Pass pca:2, or a matrix (columns, K) saved with numpy.save.",
        )
    try:
        table = read_npy(path, path)
    except InputError as error:
        error.argument = "project"
        raise
    return np.column_stack(table.columns)


def _given(matrix, label, names):
    matrix = np.column_stack(as_table(matrix, label).columns)
    if matrix.dtype.kind not in "buif" or not np.all(np.isfinite(matrix)):
        raise InputError(f"{label} must hold finite numbers.", argument="project")
    rows, count = matrix.shape
    if rows != len(names) or not 1 <= count <= 3:
        raise InputError(
            f"{label} has shape {matrix.shape}: ({len(names)}, K) with K from 1 to 3 is needed, a "
            "row per column of the samples.",
            argument="project",
        )
    matrix = matrix.astype(np.float64)
    return Projection(label, tuple(f"p{i + 1}" for i in range(count)), matrix, np.zeros(rows))
