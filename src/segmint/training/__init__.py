"""The Lightning task, losses, hardware choice, resume, evaluation and calibration."""
