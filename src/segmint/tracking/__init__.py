"""MLflow runs, system information, dataset lineage, and the report and card of a run."""
