import json
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from servers import served


@pytest.fixture(scope="module")
def endpoint(finished):
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/refugee-camp@candidate"]
    with served([*command, "--env-manager", "local"], finished, "/ping") as address:
        yield address + "/invocations"


def ask(endpoint: str, chips: np.ndarray) -> np.ndarray:
    body = json.dumps({"inputs": chips.astype(float).tolist()}).encode()
    request = urllib.request.Request(endpoint, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return np.array(json.load(answer)["predictions"])


@pytest.mark.states(165)
def test_a_request_made_from_a_real_chip_gets_the_trained_network_s_mask(endpoint, finished):
    sample = np.load(finished / "meta" / "parity_sample.npz")
    threshold = json.loads((finished / "meta" / "contract.json").read_text())["output"]["threshold"]
    answer = ask(endpoint, sample["chips"][:3])
    np.testing.assert_allclose(answer, sample["probabilities"][:3], atol=1e-4)
    assert ((answer >= threshold) == (sample["probabilities"][:3] >= threshold)).mean() >= 0.9999


def test_a_wrong_band_count_is_refused(endpoint):
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(endpoint, np.zeros((1, 4, 64, 64)))
    assert caught.value.code == 400
