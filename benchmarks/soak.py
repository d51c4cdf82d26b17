"""Weeks of a project whose commands are killed, whose disk is full, whose databases are away.

Two projects live through the same weeks: rows arrive, the service predicts and takes labels, ticks
monitor and retrain, people retrain and roll back. One is left alone. The other is struck at random
moments, and whatever was struck is done again, as a scheduler or a person would. After each fault
and each action everything that the documentation promises is checked, and at the end of each week
the tables of both projects must be equal to the last digit, apart from clocks and names of runs.

The faults depend on the seed alone, but not the instruction at which they strike.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from project import ROOT
from soak_checks import (
    OWN_REQUESTS,
    check_after_action,
    check_after_fault,
    check_log,
    differences,
    newest_moves,
    waiting_version,
)
from soak_faults import COMMAND_FAULTS, Fault, KillCommand, KillService, mount_disk, unmount_disk
from soak_project import FIRST_WEEKS, PROCESS_VARIABLE, STEP, TARGET, make_table
from soak_world import Tally, ViolationError, World, as_body, copy_state, labels, raw_rows

# Of the kills, those of the service; and faults of each other kind per kill.
SERVICE_SHARE = 0.2
OTHER_SHARE = 0.1
# Every how many rows of a week a label comes by the service, and not with the table.
LABELLED_LATER = 4
_CLONE_NEWNS = 0x00020000


class Action(NamedTuple):
    """Something that is done in a week.

    Attributes:
        act: Does it, in a world and a week.
        is_command: Whether it is a command; else it is requests to the service.
        is_due: Whether it is done in a week.
        weight: How many of the faults it gets, compared with others.
    """

    act: Callable[[World, int], None]
    is_command: bool
    is_due: Callable[[int], bool] = lambda _: True
    weight: float = 1.0


def predict(world: World, week: int) -> None:
    """Ask for most rows of the coming week, many at once and one by one, some sent ahead."""
    rows = raw_rows(_rows_of(world, week))
    many, single, ahead = rows[:24], rows[24:30], rows[30:36]
    world.ask("/rows", as_body({"rows": ahead}), {200})
    keys = [{"timestamp": row["at"], "site": row["site"]} for row in ahead]
    asked = [("rows", many), *(("rows", [row]) for row in single), ("keys", keys)]
    for number, (kind, part) in enumerate(asked):
        name = f"{OWN_REQUESTS}-{week}-{number}"
        world.heard.asked.add(name)
        world.ask("/predict", as_body({kind: part}), {200}, name)
        world.heard.logged[name] = len(part)


def receive(world: World, week: int) -> None:
    """Let the rows of a week arrive; some of them lack their label."""
    table = world.table[world.table["week"] <= week]
    later = (table.index % LABELLED_LATER == 0) & (table["week"] >= 0)
    world.receive(table.assign(**{TARGET: table[TARGET].mask(later)}))


def label(world: World, week: int) -> None:
    """Hand labels in: half of them late, some twice, corrected, of no row, and malformed."""
    now, before = _labelled_later(world, week), _labelled_later(world, week - 1)
    _hand_in(world, labels(now[::2]))
    _hand_in(world, labels(before[1::2]))
    # Twice in one delivery, and once more.
    _hand_in(world, labels(now[::2][:2]) * 2)
    _hand_in(world, labels(_labelled_later(world, week - 2)[:2], plus=3.0))
    _hand_in(world, labels(now[:1].assign(at=pd.Timestamp("2040-01-01") + week * STEP)))
    for body in (b"{", as_body({"labels": [{"site": 1}]}), as_body({"labels": "none"})):
        world.ask("/labels", body, {400, 422})


def tick(world: World, week: int) -> None:
    """Run a tick, and another one: who repeats a tick that was killed may see what waits by now."""
    world.command("tick")
    world.command("tick")


def retrain(world: World, week: int) -> None:
    """Run the full cycle."""
    world.command("run")


def answer(world: World, week: int) -> None:
    """Approve the version that waits, or refuse it."""
    waiting = waiting_version(world)
    if not waiting:
        return
    word = "refuse" if week % 4 == 2 else "approve"

    def is_done() -> bool:
        # An approval is done once the champion has moved.
        return not waiting_version(world) and (word == "refuse" or world.champion() == waiting)

    world.command(word, "--version", waiting, "--reason", f"week {week}", is_done=is_done)


def roll_back(world: World, week: int) -> None:
    """Go back to the champion before this one."""
    moves = newest_moves(world)
    if len(moves) < 2 or not moves[-1][1] or moves[-1][2] == "rollback":
        return
    wanted = moves[-1][1]
    reason = f"--params=rollback.version={wanted},rollback.reason=week {week}"
    world.command(
        "run",
        "--pipelines=rollback",
        reason,
        is_done=lambda: world.champion() == wanted and newest_moves(world)[-1][0] == wanted,
    )


# A further action is a function and a line here.
ACTIONS = {
    "predict": Action(predict, is_command=False),
    "label": Action(label, is_command=False),
    "tick": Action(tick, is_command=True, weight=2.0),
    "retrain": Action(retrain, is_command=True, is_due=lambda week: week % 5 == 3),
    "answer": Action(answer, is_command=True),
    "roll back": Action(roll_back, is_command=True, is_due=lambda week: week % 5 == 1),
}


def plan_faults(weeks: int, kills: int, seed: int) -> dict[tuple[int, str], list[Fault]]:
    """Choose what strikes when.

    Args:
        weeks: Number of weeks.
        kills: Kills in all.
        seed: Of the choice.

    Returns:
        Faults by week and name of the action.
    """
    random = np.random.default_rng(seed)
    of_service = round(kills * SERVICE_SHARE)
    kinds: list[tuple[type[Fault], bool]] = [(KillCommand, True)] * (kills - of_service)
    kinds += [(KillService, number % 3 == 2) for number in range(of_service)]
    for number in range(round(kills * OTHER_SHARE)):
        kinds += [(kind, number % 2 == 0) for kind in COMMAND_FAULTS]
    planned: dict[tuple[int, str], list[Fault]] = {}
    for place in random.permutation(len(kinds)):
        kind, on_command = kinds[place]
        names = [name for name, action in ACTIONS.items() if action.is_command == on_command]
        due = {name: [w for w in range(weeks) if ACTIONS[name].is_due(w)] for name in names}
        weights = np.array([ACTIONS[name].weight * bool(due[name]) for name in names])
        name = str(random.choice(names, p=weights / weights.sum()))
        step = int(random.choice(due[name])), name
        planned.setdefault(step, []).append(kind(float(random.random())))
    # A command may survive the others, and has come to its end then.
    return {
        step: sorted(faults, key=lambda fault: not isinstance(fault, KillCommand))
        for step, faults in planned.items()
    }


class Result(NamedTuple):
    """How it ended.

    Attributes:
        tally: What happened to the project that was struck.
        weeks: Weeks that came to their end.
        step: Where a promise was broken, or it was interrupted; empty if it came to its end.
        violation: Which one, and how.
    """

    tally: Tally
    weeks: int
    step: str
    violation: str


def soak(folder: Path, options: argparse.Namespace, say: Callable[[str], None]) -> Result:
    """Live through the weeks.

    Args:
        folder: Where both projects are made; the folder ``disk`` in it may be a disk of its own.
        options: Of the command line.
        say: Is told every event.

    Returns:
        How it ended.
    """
    table = make_table(options.weeks, options.seed)
    planned = plan_faults(options.weeks, options.kills, options.seed)
    deadline = time.monotonic() + 60 * (options.minutes or 1e9)
    shared = (table, say, {})
    struck = World(folder / "struck", folder / "disk", *shared, forked=options.fork)
    calm = World(folder / "calm", folder / "calm" / "data", *shared, forked=options.fork)
    struck.after_fault = lambda: check_after_fault(struck)
    week, step = 0, "the first model"
    # Its thread has to live as long as the processes that it starts.
    pool = ThreadPoolExecutor(1)
    try:
        receive(calm, -1)
        receive(struck, -1)
        calm.command("run")
        if not waiting_version(calm):
            raise ViolationError("the gate refused the first model; choose another seed")
        answer(calm, -1)
        copy_state(calm, struck)
        calm.serve([])
        struck.serve(raw_rows(_rows_of(struck, -FIRST_WEEKS)))
        for week in range(options.weeks):
            for name, action in ACTIONS.items():
                if action.is_due(week):
                    step = f"week {week}, {name}"
                    faults = planned.get((week, name), [])
                    say(f"{step}{': ' if faults else ''}{', '.join(one.name for one in faults)}")
                    beside = pool.submit(_act, action, name, week, calm, [])
                    _act(action, name, week, struck, faults)
                    check_after_action(struck, is_command=action.is_command)
                    beside.result()
                if name == "predict":
                    receive(struck, week)
                    receive(calm, week)
            step = f"end of week {week}"
            check_log(struck)
            if found := differences(struck, calm):
                raise ViolationError("both projects differ\n" + "\n".join(found))
            struck.tally.checks["tables equal those of the undisturbed project"] += 1
            if time.monotonic() > deadline:
                break
    except ViolationError as violation:
        return Result(struck.tally, week, step, str(violation))
    except KeyboardInterrupt:
        return Result(struck.tally, week, step, "")
    finally:
        struck.end()
        calm.end()
        pool.shutdown()
    return Result(struck.tally, week + 1, "", "")


def _act(action: Action, name: str, week: int, world: World, faults: list[Fault]) -> None:
    world.expect(name, faults)
    action.act(world, week)
    world.settle()


def _summary(result: Result, options: argparse.Namespace, disk: str, seconds: float) -> str:
    """Write what happened as a table."""
    tally = result.tally
    kills = sum(n for (_, kind), n in tally.struck.items() if kind.startswith("kill"))
    struck = sum(tally.struck.values())
    lines = [
        f"weeks {result.weeks} of {options.weeks}, seed {options.seed}, {seconds / 60:.0f} minutes",
        f"full disk: {disk}",
        f"kills {kills} of {options.kills}, other faults {struck - kills}, too late {tally.late}",
        "",
        "| struck | by | times |",
        "| --- | --- | ---: |",
        *(f"| {place} | {kind} | {n} |" for (place, kind), n in sorted(tally.struck.items())),
        "",
        "| held | times |",
        "| --- | ---: |",
        *(f"| {check} | {n} |" for check, n in sorted(tally.checks.items())),
        "",
    ]
    if result.violation:
        lines.append(f"VIOLATED in {result.step}: {result.violation}")
        lines.append(
            f"Repeat: python benchmarks/soak.py --weeks {options.weeks} --kills {options.kills} "
            f"--seed {options.seed}{' --fork' * options.fork} -v --folder FOLDER (which is kept)"
        )
    else:
        lines += [f"interrupted in {result.step}"] * bool(result.step)
        lines.append("differences: 0, violations: 0")
    return "\n".join(lines)


def main() -> int:
    """Run it.

    Returns:
        0 if everything held, 1 if not.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="end after the week in which they are over")
    parser.add_argument("--folder", type=Path, help="new folder for both projects; kept")
    parser.add_argument(
        "--fork",
        action="store_true",
        help="fork commands from a process that has imported everything: seconds cheaper",
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="one line per event")
    options = parser.parse_args()
    _take_own_mounts()
    # For the server that commands are forked from.
    os.environ[PROCESS_VARIABLE] = str(os.getpid())
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "benchmarks")))
    begun = time.monotonic()

    def say(text: str) -> None:
        if options.verbose:
            print(f"{time.monotonic() - begun:7.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch, "soak")).resolve()
        folder.mkdir(parents=True)
        disk = mount_disk(folder / "disk")
        try:
            result = soak(folder, options, say)
            if options.folder and result.violation:
                # The disk goes with this process.
                shutil.copytree(folder / "disk", folder / "disk-kept")
        finally:
            unmount_disk(folder / "disk")
    print(_summary(result, options, disk, time.monotonic() - begun), flush=True)
    return 1 if result.violation else 0


def _take_own_mounts() -> None:
    """See to it that what is mounted here is seen by nobody else and goes with this process."""
    if os.geteuid() or ctypes.CDLL(None).unshare(_CLONE_NEWNS):
        return
    subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True)


def _rows_of(world: World, week: int) -> pd.DataFrame:
    return world.table[world.table["week"] == week]


def _labelled_later(world: World, week: int) -> pd.DataFrame:
    rows = _rows_of(world, week)
    return rows[(rows.index % LABELLED_LATER == 0) & (rows["week"] >= 0)]


def _hand_in(world: World, given: list[dict[str, object]]) -> None:
    if given:
        world.ask("/labels", as_body({"labels": given}), {200})
        for one in given:
            stamp = pd.Timestamp(str(one["at"]))
            world.accepted[f"{stamp}|{one['site']}"] = float(str(one[TARGET]))


if __name__ == "__main__":
    sys.exit(main())
