"""A figure as a file: it says what made it, and is the same bytes every time."""

import io
import os

import matplotlib

from ratiogan.catalogue import FIGURE_FORMATS
from ratiogan.errors import InputError
from ratiogan.files import write_atomically
from ratiogan.plots.look import command_text, version


def figure_bytes(figure, suffix, command=None):
    """The figure as the bytes of a PNG, SVG or PDF file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    suffix : str
        ``png``, ``svg`` or ``pdf``.
    command : str or sequence of str, optional
        The command line that made it, for the metadata.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        For any other suffix.
    """
    if suffix not in FIGURE_FORMATS:
        raise InputError(
            f'a figure must be png, svg or pdf, got "{suffix}".',
            argument="path",
            fix="Write FILE.png, FILE.svg or FILE.pdf.",
        )
    maker, said = f"ratiogan {version()}", command_text(command)
    # Without dates, so that the same result gives the same bytes.
    metadata = {
        "png": {"Software": maker, "Comment": said},
        "svg": {"Creator": maker, "Description": said, "Date": None},
        "pdf": {"Creator": maker, "Subject": said, "CreationDate": None},
    }[suffix]
    if not said:
        metadata = {key: value for key, value in metadata.items() if value != ""}
    # For the time of the call only; Matplotlib has no other way to ask for these three.
    settings = {"svg.hashsalt": "ratiogan", "pdf.fonttype": 42, "savefig.bbox": None}
    buffer = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure.savefig(
            buffer, format=suffix, dpi=figure.dpi, metadata=metadata,
            facecolor=figure.get_facecolor(), edgecolor="none", transparent=False,
        )  # fmt: skip
    return buffer.getvalue()


def save(figure, path, command=None):
    """Write a figure whole or not at all, in the format of the path's suffix.

    Raises
    ------
    InputError
        If the suffix is none of png, svg and pdf, or the folder does not exist.
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower().lstrip(".")
    write_atomically(path, figure_bytes(figure, suffix, command))
