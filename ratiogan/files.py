"""Files that are written whole or not at all."""

import contextlib
import os
import secrets

from ratiogan.errors import InputError


def write_atomically(path, content):
    """Write a file whole or not at all: under a temporary name beside it, then renamed.

    Killed at any moment, this leaves the old file or the new one. A symbolic link stays one: the
    file it points to is replaced.

    Parameters
    ----------
    path : str or path
    content : bytes, str or callable
        A callable is handed the open binary file.

    Raises
    ------
    InputError
        If the folder does not exist, or `path` is something other than a file.
    """
    target = os.path.realpath(os.fspath(path))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise InputError(
            f"cannot write {os.fspath(path)}: there is no folder {folder}.",
            argument="path",
            fix="Make it first.",
        )
    if os.path.lexists(target) and not os.path.isfile(target):
        raise InputError(
            f"cannot write {os.fspath(path)}: it is no file.", argument="path", fix="Name a file."
        )
    temporary = os.path.join(folder, f".ratiogan-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as handle:
            if callable(content):
                content(handle)
            else:
                handle.write(content.encode() if isinstance(content, str) else content)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C too must leave no litter
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
