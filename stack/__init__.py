"""The team stack without Docker: the services of docker-compose.yml as processes of this machine.

Example:
    >>> # make stack, or: PYTHONPATH=src python -m stack
"""
