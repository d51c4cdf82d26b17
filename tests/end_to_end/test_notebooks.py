"""The notebooks run, and are committed without outputs."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cycle")]

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_holds_no_outputs(path, finished_project, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("KEDRO_ENV", "test")
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)

    ran = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(finished_project)}}
    ).execute()

    text = "".join(
        str(output.get("text", output.get("data", {}).get("text/plain", "")))
        for cell in ran.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "candidate" in text
    assert "promote" in text
