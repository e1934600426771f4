"""MLflow runs, system information, dataset lineage, figures and the report."""
