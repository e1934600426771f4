"""Answers chips with ONNX Runtime: MODEL CHIPS.npy ANSWERS.npy. Needs numpy and onnxruntime of any age."""

import json
import sys
import time

import numpy as np
import onnxruntime

model, chips, answers = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
feed = {session.get_inputs()[0].name: np.load(chips)}
session.run(None, feed)
started = time.perf_counter()
probabilities = session.run(None, feed)[0]
seconds = time.perf_counter() - started
np.save(answers, probabilities)
print(json.dumps({"runtime": f"ONNX Runtime {onnxruntime.__version__}", "seconds": seconds}))
