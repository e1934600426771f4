"""Chips and labels: reading, checking, splitting, measuring, augmenting."""
