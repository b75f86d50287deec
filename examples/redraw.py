"""Draw the figures of this folder anew: python examples/redraw.py

Each is `figure.png` of a command: the one in an example's docstring, or the README's; or what a
script draws by itself. They are kept with 256 colours instead of 16 million, which makes them a
third of the size.
"""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, PngImagePlugin

FOLDER = Path(__file__).resolve().parent
EXAMPLES = (
    "doctor_visits",
    "digits",
    "conditional_tumours",
    "visits_generators",
    "digit_mixtures",
    "breast_cancer",
    "nile",
)
DRAWN = (  # by the script itself
    "two_gaussians",
    "loss_against_logit",
    "gradient_identity",
    "parallel_lines",
    "hyperparameter_map",
    "training_methods",
    "loss_surface",
    "foresighted",
)
DYNAMICS = {  # games of few parameters
    "xy": "ratiogan dynamics bilinear --method extragradient --method simultaneous --method flow",
    "rps": "ratiogan dynamics rps",
    "uniform_wgan": "ratiogan dynamics uniform-wgan --method flow --method regularised:eta=0.25"
    " --method regularised:eta=1.5",
    "critical_damping": "ratiogan stability uniform-wgan --method simultaneous --method alternating"
    " --method regularised:eta=1.5 -o s",
}
FIRST = "ratiogan run glgd --grid 1024"
README = {  # the pictures of the front page
    "glgd": FIRST,
    "training": "ratiogan run training",
    "diagnose": "ratiogan diagnose --real ring8 --gen ring8:drop=4,thin=7,n=10000 -o ring",
    "wasserstein": "ratiogan wasserstein --real ring8 --gen ring8:drop=4,thin=7 --grid 64x64 -o w1",
}


SCENARIOS = (
    "weak-discriminator",
    "too-few-discriminator-steps",
    "overfit",
    "weak-generator",
    "saturating",
    "maximum-likelihood",
    "lsgan",
    "mixture-1d",
    "wgan",
)


def command_of(name):
    """The command line in the docstring of an example, as a list of words."""
    docstring = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text()))
    return shlex.split(re.search(r"^ {4}(ratiogan (?:.*\\\n)*.*)$", docstring, re.M)[1])


def scenario_picture(name):
    """Where the figure of a scenario is kept."""
    return FOLDER / f"scenario_{name.replace('-', '_')}.png"


def shrink(source, target):
    """Copy a figure with its metadata, in 256 colours."""
    said = PngImagePlugin.PngInfo()
    with Image.open(source) as figure:
        for key in ("Software", "Comment"):
            said.add_text(key, figure.info[key])
        # Rare colours count as much as common ones, else a colour bar turns grey in places.
        small = figure.convert("RGB").quantize(
            256, method=Image.Quantize.MAXCOVERAGE, kmeans=5, dither=Image.Dither.NONE
        )
    small.save(target, optimize=True, pnginfo=said)


def draw(words, target, first=()):
    """Run Python on `first`, then the command, in a folder of their own, and keep the figure."""
    with tempfile.TemporaryDirectory() as folder:
        for arguments in (first, ("-m", *words)):
            if arguments:
                subprocess.run([sys.executable, *arguments], cwd=folder, check=True)
        [figure] = Path(folder).rglob("figure.png")
        shrink(figure, target)


def draw_itself(name):
    """Run a script that draws its figure, in a folder of its own, and keep it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, FOLDER / f"{name}.py"], cwd=folder, check=True)
        shrink(Path(folder) / f"{name}.png", FOLDER / f"{name}.png")
        for moving in Path(folder).glob("*.gif"):
            shutil.copy(moving, FOLDER)


if __name__ == "__main__":
    for name, command in README.items():
        draw(shlex.split(command), FOLDER / f"{name}.png")
    for name, command in DYNAMICS.items():
        draw(shlex.split(command), FOLDER / f"{name}.png")
    for name in EXAMPLES:
        draw(command_of(name), FOLDER / f"{name}.png", [FOLDER / f"{name}.py"])
    for name in DRAWN:
        draw_itself(name)
    for name in SCENARIOS:
        draw(shlex.split(f"ratiogan run training --scenario {name}"), scenario_picture(name))
