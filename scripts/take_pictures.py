"""Take the pictures of the README from the run of `make demo`: page, Evidently report, MLflow.

It needs Chromium, as the browser tests do. The page is the demo's, the report that of its newest
alarmed window, and MLflow shows the versions of its model.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
DEMO = ROOT / "data" / "demo" / "bike_hourly"
PORT = 5055
MODEL = f"http://127.0.0.1:{PORT}/#/models/bike_hourly/versions/{{}}"
SIZE: Any = {"width": 1200, "height": 800}


@contextmanager
def mlflow_server() -> Iterator[None]:
    """Serve the demo's runs and models as `make ui` does."""
    uri = f"sqlite:///{DEMO / 'mlflow' / 'mlflow.db'}"
    command = [str(Path(sys.executable).with_name("mlflow")), "server", "--workers", "1"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(PORT), "--backend-store-uri", uri],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(120):
            try:
                urlopen(f"http://127.0.0.1:{PORT}/health").close()
                break
            except URLError:
                time.sleep(1)
        yield
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Take them."""
    reports = sorted((DEMO / "08_reporting" / "windows").glob("*/report.html"))
    if not reports:
        sys.exit("there is no alarmed window in data/demo; run `make demo` first")
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    version = json.loads((DEMO / "08_reporting" / "health.json").read_text())["champion_version"]
    PICTURES.mkdir(exist_ok=True)
    with mlflow_server(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )

        def open_view(address: str) -> Page:
            view = browser.new_page(viewport=SIZE, color_scheme="light")
            view.goto(address, wait_until="load")
            view.wait_for_timeout(8000)  # charts are drawn and lists are fetched after it
            return view

        page = open_view((DEMO / "08_reporting" / "index.html").as_uri())
        report = open_view(reports[-1].as_uri())
        report.get_by_text("Regression Model Performance").evaluate("node => node.scrollIntoView()")
        model = open_view(MODEL.format(version))
        model.get_by_role("button", name="Close").click()
        for name, view in {"page": page, "evidently": report, "mlflow": model}.items():
            view.wait_for_timeout(2000)
            picture = PICTURES / f"{name}.png"
            view.screenshot(path=picture)
            print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size / 1000:.0f} KB")
        browser.close()


if __name__ == "__main__":
    main()
