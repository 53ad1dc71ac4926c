"""The program: its commands, and what every one of them does with an error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Never

import typer
from typer.core import TyperGroup

from napari_unet.cli import compare, demo, evaluate, export, info, models, segment, train
from napari_unet.cli.interrupt import INTERRUPTED, NOTHING, Stopped, end, keep
from napari_unet.cli.words import in_words

FAILED, USAGE = 1, 2


class PlainGroup(TyperGroup):
    """Commands whose errors are one plain line on stderr and an exit code other than 0."""

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


app = typer.Typer(
    name="napari-unet",
    cls=PlainGroup,
    help="Segment time-lapse movies with a U-Net: train, predict, score and export.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        from napari_unet import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
) -> None:
    """Segment time-lapse movies with a U-Net: train, predict, score and export."""
    import logging

    if verbose or debug:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


app.command()(demo.demo)
app.command()(segment.segment)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command()(export.export)
app.command()(models.models)
app.command()(info.info)


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
