# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What this package brings to pytest: the fixture gateway. Loaded in every run of pytest, so it imports nothing early."""
import pytest


@pytest.fixture
def gateway(tmp_path):
    """A tidegate.testing.Gateway: runs automations at a real Mosquitto, with simulated lines and a clock that the test moves."""
    from tidegate import UnavailableError
    from tidegate.testing import Gateway
    folder = tmp_path / "tidegate"
    folder.mkdir()
    one = Gateway(folder)
    try:
        one.__enter__()
    except UnavailableError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield one
    finally:
        one.close()
    if one.errors:
        raise one.errors[0]
