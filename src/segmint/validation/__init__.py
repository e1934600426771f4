"""Holds a finished model against its contract, its sample and what its consumers read."""
