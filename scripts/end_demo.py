"""Say what `make demo` has shown and what to try next; open its page where there is a screen."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "data/demo/bike_hourly/08_reporting/index.html"
CLOSING = f"""
Each line above is a decision, taken at the end of a week with nothing known of what came later.
`retrain` is an alarm: rules of the policy fired, and the lines say which. A challenger is then
trained and meets the champion on rows that neither has seen: the gate promotes it or refuses it.

Look at
  {PAGE.as_uri()}
  make ui ENV=bike_hourly,demo          runs, figures and versions in MLflow
  make evidently ENV=bike_hourly,demo   a report per week

Try, after `source .venv/bin/activate`
  kedro tick --env=bike_hourly,demo --as-of=2011-05-07     # the next week: another alarm
  kedro rollback --env=bike_hourly,demo --as-of=2011-05-07 --reason=mistrusted
  kedro serve --env=bike_hourly,demo                       # http://127.0.0.1:8080/docs

docs/tutorial.md explains them. `make clean` removes the demo and everything else that runs wrote.
"""


def has_screen() -> bool:
    """Return whether a browser can show something; one in the terminal would not do."""
    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def main() -> None:
    """Print the text, and open the page."""
    print(CLOSING)
    if has_screen():
        webbrowser.open(PAGE.as_uri())


if __name__ == "__main__":
    main()
