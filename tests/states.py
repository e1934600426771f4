"""Counts the statements of the source documents that tests try, wherever these stand and in however many processes."""

import pytest

TRIED: set[int] = set()
"""Statements whose tests have passed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reports tell which statements a test tries, from whichever process they come."""
    for item in items:
        item.user_properties += [("states", number) for mark in item.iter_markers("states") for number in mark.args]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the statements of a test that passed."""
    if report.when == "call" and report.passed:
        TRIED.update(number for name, number in report.user_properties if name == "states")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many statements were tried."""
    if TRIED:
        terminalreporter.write_line(f"documents: {len(TRIED)} statements tried here, and they hold")
