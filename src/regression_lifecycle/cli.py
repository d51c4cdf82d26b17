"""Project commands: Kedro's own ``run`` and the project's, with errors in words."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import _split_params

from regression_lifecycle.core.errors import (
    ConfigurationError,
    LifecycleError,
    LockedError,
    counted,
)

_LOGGER = logging.getLogger(__name__)
_ENV_HELP = "Environments under conf/, laid over one another: bike_daily,production."
# How Kedro begins what it says of --nodes, --tags and the like that select nothing.
_WRONG_SELECTION = ("Pipeline does not contain", "Pipeline contains no nodes")


class _TemporaryFailure(click.ClickException):
    """Nothing is wrong with the command; a scheduler may repeat it."""

    exit_code = LockedError.exit_code


class _Command(click.Command):
    """A command that answers what the user can mend with one message instead of a traceback."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = "Show what led to an error, too."
        self.params.append(click.Option(["--verbose", "-v"], is_flag=True, help=text))

    def invoke(self, ctx: click.Context) -> Any:
        is_verbose = ctx.params.pop("verbose", False)
        try:
            return super().invoke(ctx)
        except Exception as error:
            message = _in_words(error)
            if message is None:
                raise
            from regression_lifecycle.core.scrubbing import scrub
            from regression_lifecycle.runtime.outgoing import scrubbed_traceback

            if is_verbose:
                click.echo(scrubbed_traceback(error), err=True)
            kind = _TemporaryFailure if isinstance(error, LockedError) else click.ClickException
            raise kind(scrub(message)) from error


class _Run(_Command):
    """A command that reads the configuration and runs something, and says so at once."""

    def invoke(self, ctx: click.Context) -> Any:
        named = ctx.params.get("env") or os.getenv("KEDRO_ENV")
        _LOGGER.info("%s: reading the configuration%s", self.name, f" {named}" if named else "")
        return super().invoke(ctx)


class _Group(click.Group):
    command_class = _Command


@click.group(name="regression-lifecycle", cls=_Group)
def cli() -> None:
    """Commands of the Regression Lifecycle project."""


def _in_words(error: Exception) -> str | None:
    from kedro.config import MissingConfigException
    from kedro.framework.cli.utils import KedroCliError
    from kedro.io import DatasetError
    from kedro.validation.exceptions import ParameterValidationError

    from regression_lifecycle.runtime.outside import explain_outside

    if isinstance(error, KedroCliError):
        # Kedro would print "NoneType: None" in its place.
        return error.message
    if isinstance(error, click.ClickException | click.Abort | click.exceptions.Exit):
        return None
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, ConfigurationError):
        return f"the configuration cannot be used, and nothing was run:\n{error}"
    if isinstance(error, LifecycleError):
        return f"{error}{notes}"
    entry = f"{str(error).partition(':')[0]}: " if isinstance(error, DatasetError) else ""
    cause = _root_cause(error)
    if entry and isinstance(cause, FileNotFoundError):
        return (
            f"{entry}there is no file {cause.filename}. Put it there, or run the pipeline that "
            "writes it first"
        )
    said = _in_chain(error, LifecycleError) if entry else None
    if said is not None:
        return f"{said}{notes}"
    outside = explain_outside(error)
    if outside is not None:
        return f"{entry}{outside} (--verbose shows the cause)"
    if isinstance(error, DatasetError | ParameterValidationError | MissingConfigException):
        return f"{error}{notes}"
    if isinstance(error, ValueError) and str(error).startswith(_WRONG_SELECTION):
        return str(error)
    return None


def _in_chain(error: BaseException, kind: type[Exception]) -> BaseException | None:
    """Return the outermost of an error and its causes that is of a kind: it knows the subject."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__cause__
    return cause


def _root_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


run = _Run(
    "run",
    context_settings=kedro_run.context_settings,
    callback=kedro_run.callback,
    params=list(kedro_run.params),
    help=kedro_run.help,
)
cli.add_command(run)


@cli.command()
@click.option("--env", "-e", default=None, help=_ENV_HELP)
@click.option("--conf-source", type=click.Path(exists=True), default=None, help="Configuration.")
@click.argument("key", default="parameters")
@click.pass_obj
def config(metadata: Any, env: str | None, conf_source: str | None, key: str) -> None:
    """Show the configuration as a run reads it, and where a parameter comes from.

    KEY is dotted: parameters (the default), globals, catalog, mlflow or spark, and what to show of
    it: catalog.evidently_workspace.path. Of a parameter the section is enough: training.model.
    """
    from regression_lifecycle.runtime.shown_config import show_config

    click.echo(show_config(metadata.project_path, env, conf_source, key))


@cli.command(cls=_Run)
@click.option("--env", "-e", default=None, help=_ENV_HELP)
@click.option(
    "--as-of",
    default=None,
    help="Moment at which the tick stands, such as 2011-06-04; by default the end of the data.",
)
@click.option(
    "--from",
    "first",
    default=None,
    help="Replay the past: ticks at this moment, one window's length apart, the last at --as-of.",
)
@click.option(
    "--params",
    default="",
    help="Further parameters as for kedro run; each step takes those that it uses.",
    callback=_split_params,
)
@click.option("--conf-source", type=click.Path(exists=True), default=None, help="Configuration.")
@click.pass_obj
def tick(
    metadata: Any,
    env: str | None,
    as_of: str | None,
    first: str | None,
    params: dict[str, Any],
    conf_source: str | None,
) -> None:
    """Monitor, retrain if the policy says so, draw the page.

    The exit code says what happened: 0 nothing to do, 10 the policy alerts, 20 a new champion was
    promoted, 21 a challenger was refused, 22 a version waits for approval, 75 another run is at
    work, 1 an error. A replay (--from) prints what was decided at each moment and ends with 0; one
    that was stopped goes on where it was.
    """
    from regression_lifecycle.runtime.tick import EXIT_CODES, run_tick

    given = {**params, **({} if as_of is None else {"as_of": as_of})}
    if first is not None:
        if as_of is None:
            raise click.UsageError("--from needs --as-of, the moment of the last tick")
        from regression_lifecycle.runtime.replay import replay_ticks

        page = replay_ticks(
            metadata.project_path, env, given, first, _echo_piece, conf_source=conf_source
        )
        click.echo(f"Page {page}")
        return
    code = run_tick(metadata.project_path, env, given, conf_source=conf_source)
    click.echo(f"Tick: {EXIT_CODES[code]} (exit code {code})")
    raise SystemExit(code)


def _echo_piece(text: str) -> None:
    click.echo(text, nl=False)


def _decision_options(version: str) -> Callable[[Any], Any]:
    """Return a decorator that gives a command the options of what a person decides.

    Args:
        version: Which version is meant without the option.
    """

    def decorate(command: Any) -> Any:
        for option in (
            click.option(
                "--conf-source", type=click.Path(exists=True), default=None, help="Configuration."
            ),
            click.option("--as-of", default=None, help="Moment at which the decision stands."),
            click.option("--actor", default=None, help="Who decides; by default your account."),
            click.option("--reason", required=True, help="Why; it stays in the ledger."),
            click.option("--version", default=None, help=f"Which version; by default {version}."),
            click.option("--env", "-e", default=None, help=_ENV_HELP),
        ):
            command = option(command)
        return command

    return decorate


@cli.command(cls=_Run)
@_decision_options("the one that waits")
@click.pass_obj
def approve(metadata: Any, /, **given: Any) -> None:
    """Make the version that waits for approval champion.

    It is recorded who decided, when and why, and the champion moves last of all. The exit code is 1
    if nothing waits, the deadline is over, or another version has become champion since.
    """
    _decide(metadata, "approval", answer="approve", **given)


@cli.command(cls=_Run)
@_decision_options("the one that waits")
@click.pass_obj
def refuse(metadata: Any, /, **given: Any) -> None:
    """Keep the champion; the version that waits is not asked about again on the same evidence."""
    _decide(metadata, "approval", answer="refuse", **given)


@cli.command(cls=_Run)
@_decision_options("the champion before this one")
@click.pass_obj
def rollback(metadata: Any, /, **given: Any) -> None:
    """Make a former champion the champion again.

    It is recorded who decided, when and why, and the champion moves last of all. The exit code is 1
    if there is none to go back to, or its files cannot be read.
    """
    _decide(metadata, "rollback", **given)


def _decide(
    metadata: Any,
    pipeline: str,
    /,
    env: str | None,
    conf_source: str | None,
    as_of: str | None,
    **given: str | None,
) -> None:
    from regression_lifecycle.runtime.tick import run_decision

    # A person's words are text, whatever a configuration would make of them.
    told = {name: value.replace("${", "\\${") for name, value in given.items() if value is not None}
    params = {pipeline: told, **({} if as_of is None else {"as_of": as_of})}
    draw = run_decision(metadata.project_path, env, params, pipeline, conf_source=conf_source)
    try:
        draw()
    except Exception as error:  # whatever keeps a page from being drawn
        why = _in_words(error) or f"{type(error).__name__}: {error}"
        option = f" --env={env}" if env else ""
        click.echo(
            f"The decision stands, but the page was not drawn: {why}\n"
            f"Do not decide again; the next tick draws it, or kedro run{option} "
            "--pipelines=dashboard",
            err=True,
        )


@cli.command(cls=_Run)
@click.option("--env", "-e", default=None, help=_ENV_HELP)
@click.option("--conf-source", type=click.Path(exists=True), default=None, help="Configuration.")
@click.pass_obj
def check(metadata: Any, env: str | None, conf_source: str | None) -> None:
    """Hold the tables of the store against each other; nothing is changed.

    Windows against the predictions that they were made from, the champion against the ledger. The
    exit code is 1 if they contradict each other. A tick does the same with its newest windows.
    """
    from regression_lifecycle.runtime.tick import check_store

    found = check_store(metadata.project_path, env, conf_source=conf_source)
    for contradiction in found:
        click.echo(contradiction)
    click.echo(f"Check: {counted(len(found), 'contradiction')}")
    raise SystemExit(1 if found else 0)


@cli.command(cls=_Run)
@click.option("--version", "version", default=None, help="By default that of the champion.")
@click.option("--env", "-e", default=None, help=_ENV_HELP)
@click.option("--conf-source", type=click.Path(exists=True), default=None, help="Configuration.")
@click.pass_obj
def reproduce(metadata: Any, version: str | None, env: str | None, conf_source: str | None) -> None:
    """Fit a version again from its snapshot, and hold it against the registered one.

    Neither today's table nor today's parameters of training are looked at, and champion, registry,
    ledger and MLflow's runs stay as they are. The exit code is 0 if both models are identical or
    equal within reproduction.tolerance, and 1 if they differ or there is no snapshot.
    """
    from kedro.runner import SequentialRunner

    from regression_lifecycle.core.reproduction.comparison import DIFFERENT
    from regression_lifecycle.runtime.session import LifecycleSession

    given = {} if version is None else {"reproduction": {"version": version}}
    session: Any = LifecycleSession.create(
        project_path=metadata.project_path,
        env=env,
        conf_source=conf_source,
        runtime_params=given or None,
    )
    with session:
        outputs = session.run(pipeline_names=["reproduction"], runner=SequentialRunner())
    report = outputs["reproduction_report"].load()
    raise SystemExit(1 if report.verdict == DIFFERENT else 0)


@cli.command(cls=_Run)
@click.option("--env", "-e", default=None, help=_ENV_HELP)
@click.option("--host", default=None, help="Address to listen on, in place of serving.host.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Port, in place of serving.port; 0 takes a free one.",
)
@click.option("--conf-source", type=click.Path(exists=True), default=None, help="Configuration.")
@click.pass_obj
def serve(
    metadata: Any, env: str | None, host: str | None, port: int | None, conf_source: str | None
) -> None:
    """Answer requests with the champion, log what was answered, and take labels.

    It starts without a model, a registry or a store, says what it waits for, here and under
    /ready, and goes on when they are there. SIGTERM or Ctrl-C end it in order.
    """
    from regression_lifecycle.runtime.session import LifecycleSession
    from regression_lifecycle.serving.configuration import read_configuration

    session: Any = LifecycleSession.create(
        project_path=metadata.project_path, env=env, conf_source=conf_source
    )
    loader = session._get_config_loader()
    configuration = read_configuration(loader, metadata.project_path, host, port)
    # What listens is imported only now: mistakes in the configuration are answered at once.
    from regression_lifecycle.serving.server import serve as listen

    listen(configuration, click.echo)


@cli.command()
@click.option("--env", "-e", default=None, help=_ENV_HELP)
@click.option("--conf-source", type=click.Path(exists=True), default=None, help="Configuration.")
@click.pass_obj
def relocate(metadata: Any, env: str | None, conf_source: str | None) -> None:
    """Tell MLflow where its models are, after the project was moved or copied.

    Its SQLite database keeps whole paths. Every other command refuses to run until they fit.
    """
    from regression_lifecycle.runtime.relocation import relocate as write_new_place
    from regression_lifecycle.runtime.session import LifecycleSession

    session: Any = LifecycleSession.create(
        project_path=metadata.project_path, env=env, conf_source=conf_source
    )
    click.echo(write_new_place(session._get_config_loader(), metadata.project_path))


@cli.command("new-table")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--target", default=None, help="The column to predict.")
@click.option("--name", default=None, help="Of the problem; by default that of the file.")
@click.option(
    "--time",
    default=None,
    help="Column with the time, or those that make it: date,hour or date,time or year,month; "
    "none for a table without a time.",
)
@click.option("--key", default=None, help="Columns that tell the rows of one time apart: shop.")
@click.option("--horizon", default=None, help="How far ahead predictions are made: 7 days.")
@click.option(
    "--known-in-advance",
    default=None,
    help="Columns that are known before the row's own time, separated by commas; all or none.",
)
@click.option("--label-delay", default=None, help="Time from a row to its label: 28 days.")
@click.option("--weight", default=None, help="Column that says how much a row counts.")
@click.option(
    "--sql",
    "query",
    default=None,
    help="A query in place of a file, to the database of the variable LIFECYCLE_RAW_URL.",
)
@click.option("--yes", "-y", is_flag=True, help="Ask nothing; assume what only a person knows.")
@click.pass_obj
def new_table(
    metadata: Any, /, file: Path | None, query: str | None, yes: bool, **given: Any
) -> None:
    """Describe a table under conf/, so that it can be run at once.

    FILE is a CSV file (also compressed), a Parquet file or a folder of Parquet files; it is copied
    into the raw folder. On a terminal what is not given is asked for. A folder that is there is
    never changed: the difference is shown, and the exit code is 3.
    """
    from regression_lifecycle.runtime.new_table import create_problem

    asks = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        code = create_problem(
            metadata.project_path, file, query, given, _ask if asks else None, click.echo
        )
    except ConfigurationError as error:
        # What is wrong here is what was typed, not a configuration.
        raise click.ClickException(str(error).strip()) from error
    raise SystemExit(code)


def _ask(question: str, guess: str | None) -> str:
    return str(click.prompt(question, default=guess))
