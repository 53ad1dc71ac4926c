"""The program: its commands, and what every one of them does with an error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, Never

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from napari_unet.cli.interrupt import INTERRUPTED, NOTHING, Stopped, end, keep
from napari_unet.cli.words import in_words

FAILED, USAGE = 1, 2

# Each in the file of its name, which is brought in when the command is asked for.
COMMANDS = {
    "demo": "Do the whole job on a generated movie: learn from two frames, segment all, score.",
    "segment": "Segment movies: write labels, a table and an overlay movie of each into a folder.",
    "train": "Train a model on a movie and labels of some of its frames: write FILE.safetensors.",
    "tune": "Choose thresholds and smallest sizes of a model on frames that it never learned from.",
    "evaluate": "Score labels against a truth, frame by frame and over all.",
    "compare": (
        "Compare networks: train each on all blocks of frames but one, and score it on that one."
    ),
    "export": "Write labels, table and overlay movie of a movie whose labels are there already.",
    "verify": "Make the labels in an archive again from all that is in it, and compare.",
    "qc": "Find frames with which something is wrong: write qc.csv, worst first.",
    "doubts": "Find where labels may be wrong: cells merged, cut, lost, invented; bad frames.",
    "merge": "Merge the corrections of two users of one movie, and say how far they agree.",
    "links": "Say which cells are one, which are not, and which are mothers; list what was said.",
    "check": "Draw random windows to look at, or say the error rate of those that were looked at.",
    "models": "List the models that have a name, take in those of others, hand on yours.",
    "info": "Say what is in a movie or a model file.",
    "schema": "Print the settings of a command as a JSON schema: names, ranges, defaults.",
}
_LISTING = f"{__name__}.listing"


class PlainGroup(TyperGroup):
    """Commands whose errors are one plain line on stderr and an exit code other than 0."""

    def __init__(self, **extra: Any) -> None:
        super().__init__(**extra)
        self.commands = {name: _command(name, lambda: None, COMMANDS[name]) for name in COMMANDS}

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Read the command line and run the command; words that make no sense end with 2."""
        keep(NOTHING)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except typer.TyperException as error:
            _usage(error)
        except typer.Abort:
            end(f"Stopped. {NOTHING}", INTERRUPTED)
        if standalone_mode:
            sys.exit(code if isinstance(code, int) else 0)
        return code

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; where the help lists them, only its name and first line."""
        if cmd_name not in COMMANDS or ctx.meta.get(_LISTING):
            return self.commands.get(cmd_name)
        module = import_module(f"napari_unet.cli.{cmd_name}")
        if hasattr(module, "app"):  # with commands of its own
            return get_command(module.app)
        return _command(cmd_name, getattr(module, cmd_name))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of the program, without bringing its commands in."""
        ctx.meta[_LISTING] = True
        super().format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; the one place where errors become words."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise  # a pipe that is not read to its end, by head, is the last one
        except Stopped as stopped:
            end(str(stopped), INTERRUPTED)
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            end(f"Error: {in_words(error)}", FAILED)


class WordyCommand(TyperCommand):
    """A command whose ``--labels a.tif b.tif`` takes all words up to the next option.

    So do all options whose metavar says it by its dots.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words, such an option written before each of its own."""
        dots = (p for p in self.params if str(getattr(p, "metavar", "")).endswith("..."))
        many = {name for option in dots for name in option.opts if name.startswith("--")}
        spread: list[str] = []
        option = ""
        for word in args:
            if word.startswith("-"):
                option = word if word in many else ""
            elif option and spread[-1] != option:
                spread.append(option)
            spread.append(word)
        return super().parse_args(ctx, spread)


def _command(name: str, function: Callable[..., Any], line: str | None = None) -> Any:
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, cls=WordyCommand, help=line)(function)
    return get_command(alone)


app = typer.Typer(
    name="napari-unet",
    cls=PlainGroup,
    help="Segment time-lapse movies with a U-Net: train, predict, score and export.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(context: typer.Context, asked: bool) -> None:
    if not asked:
        return
    if context.params.get("yaml"):
        from napari_unet.cli.versions import as_yaml

        typer.echo(as_yaml(), nl=False)
    else:
        from napari_unet import __version__

        typer.echo(__version__)
    raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version),
    ] = False,
    yaml: Annotated[  # eager, so that it is read before --version shows something
        bool,
        typer.Option(
            "--yaml", help="With --version: of Python, packages and devices, too.", is_eager=True
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
) -> None:
    """Segment time-lapse movies with a U-Net: train, predict, score and export."""
    import logging

    if yaml:
        raise typer.BadParameter("--yaml: it goes with --version")
    if verbose or debug:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


def _usage(error: typer.TyperException) -> Never:
    """Say what is wrong with the words on the command line, and where the right ones are."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "napari-unet"
    message = getattr(error, "format_message", lambda: str(error))()
    if not message:  # no arguments at all: typer has shown the help
        sys.exit(USAGE)
    line = " ".join(message.split()).rstrip(".")
    stop = "" if line.endswith("?") else "."
    end(f"Error: {line}{stop} See: {command} --help", getattr(error, "exit_code", USAGE))
