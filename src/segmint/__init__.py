"""segmint mints segmentation models: chips and masks in, one proven model in every format out."""

__version__ = "0.1.0"
