"""What a run asked of its chunks and what they answered, kept on disk: for losing the client.

The client decides on those few numbers alone. Read again, they lead it to the point where it was
lost; the chunks are then made from their source and told the same numbers.
"""

import base64
import contextlib
import json
import os

import numpy as np

from ratiogan.cluster.tasks import open_folder
from ratiogan.errors import InputError

FILE = "journal.jsonl"
MISSING = object()  # an answer that has to be asked for after all


class Journal:
    """The journal of one run in a folder of its own.

    Parameters
    ----------
    folder : str or path
    facts : dict of str to str
        What the run depends on. A folder of another run is refused.

    Attributes
    ----------
    is_behind : bool
        Whether there are answers left that need not be asked for.
    """

    def __init__(self, folder, facts):
        self.folder = os.fspath(folder)
        open_folder(self.folder, facts)
        self.path = os.path.join(self.folder, FILE)
        self._kept, self._ends = _read(self.path)
        self._at = 0
        try:
            self._file = open(self.path, "ab")
            # A line that the client was killed in the middle of is no answer.
            self._file.truncate(self._ends[-1] if self._ends else 0)
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise InputError(
                f"checkpoint: cannot write {self.path}: {error.strerror}.",
                argument="checkpoint",
                fix="Choose another folder.",
            ) from error

    @property
    def is_behind(self):
        return self._at < len(self._kept)

    def next(self, name, arguments):
        """The answer that was given to this question."""
        entry = self._kept[self._at]
        self._at += 1
        if entry[:2] != json.loads(_dumped([name, arguments])):
            if not self.is_behind:
                # Asked for the last time of a client that was stopped: a row of the trace, say.
                self.rewind(self._ends[-2] if len(self._ends) > 1 else 0)
                return MISSING
            raise InputError(
                f"checkpoint: {self.path} is of another run, or damaged: it has {entry[0]} where "
                f"{name} is asked.",
                argument="checkpoint",
                fix="Choose a new folder.",
            )
        return _restored(entry[2])

    def write(self, name, arguments, result):
        """Keep an answer; it survives the end of this process, whatever ends it."""
        self._file.write(_dumped([name, arguments, result]).encode() + b"\n")
        self._file.flush()

    @property
    def place(self):
        """Where the next answer is read or written."""
        if self.is_behind:
            return self._ends[self._at - 1] if self._at else 0
        return self._file.seek(0, os.SEEK_END)

    def rewind(self, place):
        """Forget all answers from there on."""
        self._file.truncate(place)
        self._file.seek(0, os.SEEK_END)

    def close(self):
        """Close the file."""
        self._file.close()


@contextlib.contextmanager
def going_on(folder):
    """Have a Ctrl-C that could not wait say that the same call goes on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if folder is None:
            raise
        raise KeyboardInterrupt(
            f"interrupted; what was answered so far is kept in {os.fspath(folder)}, the same "
            "command goes on with it."
        ) from stop


def _read(path):
    """The entries of a journal, and where each of them ends."""
    entries, ends, whole = [], [], 0
    if not os.path.isfile(path):
        return entries, ends
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                entry = json.loads(line)
            except ValueError:
                break
            entries.append(entry)
            whole += len(line)
            ends.append(whole)
    return entries, ends


def _dumped(value):
    return json.dumps(value, default=_plain)


def _plain(value):
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": value.dtype.str, "shape": value.shape, "data": data}
    return value.item() if isinstance(value, np.generic) else repr(value)


def _restored(value):
    if isinstance(value, dict):
        data = np.frombuffer(base64.b64decode(value["data"]), value["dtype"])
        return data.reshape(value["shape"]).copy()
    return [_restored(item) for item in value] if isinstance(value, list) else value
