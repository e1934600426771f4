"""Registered model versions and their aliases."""
