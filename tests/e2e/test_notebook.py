import nbformat
import pytest
from e2e_settings import REPOSITORY
from nbclient import NotebookClient


@pytest.mark.states(171)
def test_the_notebook_opens_a_finished_model(finished, monkeypatch):
    monkeypatch.setenv("SEGMINT_META", str(finished / "meta"))
    notebook = nbformat.read(REPOSITORY / "notebooks" / "open_a_model.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    answers = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    difference = [float(o.data["text/plain"]) for o in answers if "e-" in o.get("data", {}).get("text/plain", "")]
    assert len(difference) == 1
    assert difference[0] < 1e-4
    assert any("image/png" in output.get("data", {}) for output in answers)
