"""Answers chips with TorchScript: MODEL CHIPS.npy ANSWERS.npy. Needs numpy and torch of any age."""

import json
import sys
import time

import numpy as np
import torch

model, chips, answers = sys.argv[1:]
network = torch.jit.load(model, map_location="cpu")
images = torch.from_numpy(np.load(chips))
with torch.no_grad():
    for _ in range(2):  # the first calls optimise the graph
        network(images)
    started = time.perf_counter()
    probabilities = network(images).numpy()
seconds = time.perf_counter() - started
np.save(answers, probabilities)
print(json.dumps({"runtime": f"torch {torch.__version__}", "seconds": seconds}))
