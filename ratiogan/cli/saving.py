"""Where results go: chosen and checked before anything is computed, written only when it is.

Nothing that exists is replaced without ``--force``; every file is written whole or not at all.
"""

import os

from ratiogan.cli import output
from ratiogan.errors import InputError

ROOT = "ratiogan-runs"


class Folder:
    """The folder of a command with several results.

    Parameters
    ----------
    out : str or None
        The user's choice; None takes the next free ``ratiogan-runs/STEM-001``.
    stem : str
        First part of the default name.
    force : bool
        Whether files of ours in `out` may be replaced.

    Raises
    ------
    InputError
        If `out` is a file, is not empty (without `force`), or cannot be written.
    """

    def __init__(self, out, stem, force=False):
        self.out = out
        self.stem = stem
        self.path = None
        self.created = []
        if out is None:
            check_writable(ROOT, "pass --out FOLDER or --no-save")
            return
        if not out:
            raise InputError("--out is empty.", argument="out", fix="Pass the name of a folder.")
        if os.path.lexists(out) and not os.path.isdir(out):
            raise InputError(
                f"--out {out} is a file, a folder is needed.",
                argument="out",
                fix="Choose another --out.",
            )
        check_writable(out, "choose another --out")
        if os.path.isdir(out) and os.listdir(out) and not force:
            raise InputError(f"{out} exists; choose another --out, or --force.", argument="out")

    def open(self):
        """Make the folder, now that there is something to put in it; returns its path."""
        if self.path is None:
            self.path = self.out if self.out is not None else self._next_free()
            self._make(self.path)
        return self.path

    def _next_free(self):
        self._make(ROOT)
        number = 1 + max((number_of(name, self.stem) for name in os.listdir(ROOT)), default=0)
        while True:
            path = os.path.join(ROOT, f"{self.stem}-{number:03d}")
            try:
                # Exclusive, so that two runs at once never share a folder.
                os.mkdir(path)
            except FileExistsError:
                number += 1
            except OSError as error:
                raise _unwritable(path, error) from error
            else:
                self.created.append(path)
                return path

    def _make(self, path):
        missing = []
        while path and not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for folder in reversed(missing):
            try:
                os.mkdir(folder)
            except OSError as error:
                raise _unwritable(folder, error) from error
            self.created.append(folder)

    def discard_if_empty(self):
        """Take back the folders made here that hold nothing: after a failure."""
        for folder in reversed(self.created):
            try:
                os.rmdir(folder)
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is not None:
            self.discard_if_empty()


def _unwritable(folder, error):
    return InputError(
        f"cannot make the folder {folder}: {error.strerror}.",
        argument="out",
        fix="Choose another --out.",
    )


def number_of(name, stem):
    """The number in ``STEM-007``, 0 for any other name."""
    head, _, tail = name.rpartition("-")
    return int(tail) if head == stem and tail.isdigit() else 0


def newest_run():
    """The youngest folder of ``ratiogan-runs``, or None: a suggestion for ``plot`` and others."""
    try:
        with os.scandir(ROOT) as entries:
            folders = [(entry.stat().st_mtime, entry.path) for entry in entries if entry.is_dir()]
    except OSError:
        return None
    return max(folders)[1] if folders else None


def check_file(path, option, suffixes, force=False):
    """Check that one result file may be written, and return its suffix without the dot.

    Raises
    ------
    InputError
        If the suffix is not one of `suffixes`, the file exists (without `force`), is a folder, or
        cannot be written.
    """
    argument = option.lstrip("-").replace("-", "_")
    suffix = os.path.splitext(path)[1].lower().lstrip(".")
    if suffix not in suffixes:
        wanted = " or ".join(f".{known}" for known in suffixes)
        raise InputError(
            f"{option} {path} must end in {wanted}.",
            argument=argument,
            fix=f"Write {os.path.splitext(path)[0] or 'file'}.{suffixes[0]}.",
        )
    if os.path.isdir(path):
        raise InputError(
            f"{option} {path} is a folder, a file is needed.",
            argument=argument,
            fix="Name the file.",
        )
    if os.path.lexists(path) and not force:
        raise InputError(f"{path} exists; choose another {option}, or --force.", argument=argument)
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise InputError(
            f"{option} {path}: there is no folder {folder}.",
            argument=argument,
            fix="Make it first.",
        )
    check_writable(path, f"choose another {option}", argument)
    return suffix


def check_writable(path, fix, argument="out"):
    """Refuse a path that cannot be made: its nearest existing parent must be a writable folder."""
    parent = os.path.abspath(path)
    if os.path.isfile(parent):
        parent = os.path.dirname(parent)
    while not os.path.lexists(parent) and os.path.dirname(parent) != parent:
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent):
        raise InputError(
            f"cannot write {path}: {parent} is not a folder; {fix}.", argument=argument
        )
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            f"cannot write {path}: no permission in {parent}; {fix}.", argument=argument
        )


def _same_file(one, other):
    return os.path.realpath(one) == os.path.realpath(other)


def forget_comparison(folder):
    """Remove the index of an earlier comparison, so that the folder is a single run's."""
    import json

    from ratiogan.comparison import INDEX_FILE

    index = os.path.join(folder, INDEX_FILE)
    try:
        with open(index, encoding="utf-8") as file:
            ours = json.load(file)["schema"] == "ratiogan-comparison"
    except (OSError, ValueError, KeyError, TypeError):
        return
    if ours:
        os.unlink(index)


class Results:
    """Everything one command writes, checked at once and written in a fixed order.

    Parameters
    ----------
    stem : str
        First part of the default folder's name; None for a command that writes only on ``--out``.
    options : dict
        The command's options; those about files are taken out of it.

    Raises
    ------
    InputError
        If something is in the way, before anything is computed.
    """

    def __init__(self, stem, options):
        self.force = options.pop("force", False)
        self.style = options.pop("style", None) or "slide"
        self.format = options.pop("figure_format", None) or "png"
        self.no_plot = options.pop("no_plot", False)
        self.no_save = options.pop("no_save", False)
        self.animation = options.pop("animate", None)
        self.page = options.pop("html", None)
        out = options.pop("out", None)
        if self.no_save:
            for option, value in (("out", out), ("animate", self.animation), ("html", self.page)):
                if value is not None:
                    raise InputError(
                        f"--no-save and --{option} disagree.",
                        argument=option,
                        fix="Keep one of the two.",
                    )
        if self.animation is not None:
            check_file(self.animation, "--animate", ("gif", "html"), self.force)
        if self.page is not None:
            check_file(self.page, "--html", ("html",), self.force)
            if self.animation is not None and _same_file(self.animation, self.page):
                raise InputError(
                    f"--animate and --html both name {self.page}.",
                    argument="html",
                    fix="Choose another --html.",
                )
        wanted = not self.no_save and (out is not None or stem is not None)
        self.folder = Folder(out, stem, self.force) if wanted else None

    def write(self, report, job, draw=None, store=None, animate=None, page=None):
        """Write what was asked for, and tell the report what that is.

        Parameters
        ----------
        report : Report
            Complete but for its files and footer.
        job : Job
        draw : callable, optional
            ``draw(style, command)`` gives the Figure.
        store : callable, optional
            ``store(folder, command)`` writes the arrays and returns {key: file name}.
        animate, page : callable, optional
            ``animate(path, command)`` writes the animation, ``page(path, command)`` the report.
        """
        if self.folder is None:
            self._write_files(report, job, animate, page)
            if self.no_save:
                report.footer.append(f"wrote nothing (--no-save)   {job.seconds:.1f} s")
            report.footer.append(output.again(job))
            return
        from ratiogan.files import write_atomically

        # Drawn before anything is written: a figure that fails leaves nothing behind.
        wanted = draw is not None and not self.no_plot
        image = _drawn(draw, self.style, self.format, job) if wanted else None
        with self.folder as folder:
            path = folder.open()
            stored = store(path, job.command) if store is not None else {}
            figure = {"figure": f"figure.{self.format}"} if wanted else {}
            logs = {"report": "report.json", "log": "log.txt"}
            asked = {"animation": self.animation, "html": self.page}
            report.files = {"folder": path, **figure, **stored, **logs}
            report.files.update({key: file for key, file in asked.items() if file is not None})
            write_atomically(
                os.path.join(path, "report.json"), output.dump(output.envelope(report, job))
            )
            if wanted:
                write_atomically(os.path.join(path, figure["figure"]), image)
            line = len(report.footer)
            self._write_files(report, job, animate, page)
            names = [*figure.values(), *stored.values(), *logs.values()]
            report.footer.insert(line, wrote(path, names, job.seconds))
            report.footer.append(output.again(job))
            log = report.text().encode("utf-8", "backslashreplace")
            write_atomically(os.path.join(path, "log.txt"), log)

    def _write_files(self, report, job, animate, page):
        for key, file, make in (
            ("animation", self.animation, animate),
            ("html", self.page, page),
        ):
            if file is not None:
                make(file, job.command)
                report.files[key] = file
                report.footer.append(f"wrote {file}")


def wrote(path, names, seconds):
    """The line that says what lies where; several runs are counted, not listed."""
    numbered = [name for name in names if name.startswith("run-")]
    if len(numbered) > 2:
        first = names.index(numbered[0])
        names = [name for name in names if name not in numbered]
        names.insert(first, f"{numbered[0]} .. {numbered[-1]}")
    return f"wrote {path}/  ({' '.join(names)})   {seconds:.1f} s"


def _drawn(draw, style, suffix, job):
    return output.drawing().figure_bytes(draw(style, job.command), suffix, job.command)
