"""Figures, pictures of rasters and classes, and self-contained pages; knows neither MLflow nor a network."""
