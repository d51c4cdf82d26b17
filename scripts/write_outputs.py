"""Run the commands of README and tutorial, and write what they print into the pages.

A block of kind `console` holds commands, each after `$ `, and below each what it prints. A line of
three dots stands for lines left out, three dots at the end of a line for the rest of it. All blocks
of a page are run from top to bottom in a project of its own. `<!-- slow -->` above a block keeps it
out of the tests, and blocks of other kinds are never run.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/tutorial.md")
DOTS = "..."
# Less alike, a line is not the renewed form of another one.
_LEAST_LIKENESS = 0.5
_BLOCK = re.compile(r"^(?P<slow><!-- slow -->\n)?```console\n(?P<body>.*?)^```$", re.M | re.S)
Run = Callable[[str], str]


@dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        text: What is typed.
        output: The lines that the page shows of what it prints.
        is_slow: Whether tests leave it out.
    """

    text: str
    output: tuple[str, ...]
    is_slow: bool = False


def commands_of(page: str) -> list[Command]:
    """Return the commands of all blocks of a page, in their order."""
    return [
        command
        for block in _BLOCK.finditer(page)
        for command in _commands_in(block["body"], is_slow=block["slow"] is not None)
    ]


def _commands_in(body: str, *, is_slow: bool) -> Iterator[Command]:
    for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
        text, *output = part.rstrip("\n").split("\n")
        yield Command(text, tuple(output), is_slow)


def differences(shown: tuple[str, ...], printed: str) -> list[str]:
    """Compare what a page shows with what was printed.

    Returns:
        Nothing if they agree, else a diff of both; lines of three dots stand in it too.
    """
    pieces = re.split(r"^\.\.\.$\n?", "".join(f"{line}\n" for line in shown), flags=re.M)
    pattern = "(?:.*\n)*?".join(map(_pattern, pieces))
    text = "".join(f"{line}\n" for line in _lines(printed))
    if re.fullmatch(pattern, text):
        return []
    return list(difflib.unified_diff(shown, _lines(printed), "shown", "printed", lineterm="", n=1))


def _pattern(piece: str) -> str:
    return re.sub(r"\\\.\\\.\\\.\\\n", r".*\n", re.escape(piece))


def _lines(printed: str) -> list[str]:
    """Return printed lines without blanks at their ends and without empty lines around."""
    return [line.rstrip() for line in printed.strip("\n").splitlines()]


def renewed(shown: tuple[str, ...], printed: str) -> list[str]:
    """Return the lines to show of what was printed, with the same parts left out.

    Each stretch of shown lines becomes the stretch of printed lines that it is most like.
    """
    new = _lines(printed)
    old = [line for line in shown if line != DOTS]
    partners = dict(_partners(old, new))
    for number, partner in partners.items():
        new[partner] = _cut_like(old[number], new[partner])
    result: list[str] = []
    place = number = 0
    for stretch in _stretches(shown):
        if stretch == [DOTS]:
            result.append(DOTS)
            continue
        found = [partners[at] for at in range(number, number + len(stretch)) if at in partners]
        number += len(stretch)
        if found:
            result += new[max(found[0], place) : found[-1] + 1]
            place = found[-1] + 1
    return result


def _cut_like(old: str, new: str) -> str:
    """Cut a line before a word where the line that it renews was cut."""
    start = old.removesuffix(DOTS)
    if start == old or len(new) <= len(start):
        return new
    if new.startswith(start):
        return old
    return f"{new[: len(start)].rpartition(' ')[0]} {DOTS}"


def _stretches(shown: tuple[str, ...]) -> Iterator[list[str]]:
    stretch: list[str] = []
    for line in shown:
        if line == DOTS:
            yield from ([stretch] if stretch else [])
            yield [DOTS]
            stretch = []
        else:
            stretch.append(line)
    yield from ([stretch] if stretch else [])


def _partners(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Pair lines that are alike, in their order, so that the pairs are as alike as can be."""
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    alike = [[_likeness(one, other) for other in new] for one in old]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], alike[i][j] + best[i + 1][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if alike[i][j] and best[i][j] == alike[i][j] + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _likeness(one: str, other: str) -> float:
    start = one.removesuffix(DOTS)
    if start != one:
        other = other[: len(start)]
    matcher = difflib.SequenceMatcher(None, start, other, autojunk=False)
    if matcher.real_quick_ratio() < _LEAST_LIKENESS:
        return 0.0
    likeness = matcher.ratio()
    return likeness if likeness >= _LEAST_LIKENESS else 0.0


def write_page(page: str, run: Run) -> str:
    """Return a page with the output of its commands written anew."""

    def write_block(block: re.Match[str]) -> str:
        lines = []
        for command in _commands_in(block["body"], is_slow=False):
            lines += [f"$ {command.text}", *renewed(command.output, run(command.text))]
        body = "".join(f"{line}\n" for line in lines)
        return f"{block['slow'] or ''}```console\n{body}```"

    return _BLOCK.sub(write_block, page)


def make_project(folder: Path) -> Path:
    """Make a project in which nothing has run: configuration and raw tables, none of the user's."""
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    (folder / "conf" / "local").mkdir()
    (folder / "src").mkdir()
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "data" / "01_raw", folder / "data" / "01_raw")
    return folder


def runner(project: Path) -> Run:
    """Return what runs a command in a project: `kedro` in this process, all others in a shell.

    One process imports everything once, which is most of what a short command takes.
    """
    from click.testing import CliRunner
    from kedro.framework.startup import bootstrap_project

    metadata = bootstrap_project(project)
    from regression_lifecycle.cli import cli

    def run(command: str) -> str:
        print(f"$ {command}", file=sys.stderr, flush=True)
        words = shlex.split("kedro run" if command == "make run" else command, comments=True)
        with chdir(project):
            if words[0] == "kedro":
                return CliRunner().invoke(cli, words[1:], obj=metadata).output
            done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
            return done.stdout + done.stderr

    return run


def main() -> None:
    """Rewrite the pages whose outputs have changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", default=PAGES, help="README.md, docs/tutorial.md")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in parser.parse_args().pages:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        with TemporaryDirectory() as folder:
            written = write_page(text, runner(make_project(Path(folder).resolve() / "project")))
        if written != text:
            path.write_text(written, encoding="utf-8")
            print(f"{name}: outputs written anew")


if __name__ == "__main__":
    main()
