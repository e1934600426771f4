"""Answers chips with OpenVINO in fp32: MODEL CHIPS.npy ANSWERS.npy."""

import json
import sys
import time

import numpy as np

sys.modules["openvino_telemetry"] = None  # it reports every import to its maker
import openvino  # noqa: E402

model, chips, answers = sys.argv[1:]
compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
feed = [np.load(chips)]
compiled(feed)
started = time.perf_counter()
probabilities = compiled(feed)[0]
seconds = time.perf_counter() - started
np.save(answers, probabilities)
print(json.dumps({"runtime": f"OpenVINO {openvino.__version__.partition('-')[0]}", "seconds": seconds}))
