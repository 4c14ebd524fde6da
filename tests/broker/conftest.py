# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

import parts  # noqa: E402


@pytest.fixture
def make_broker(tmp_path):
    """A Mosquitto that plays an upstream."""
    made = []

    def make(*lines, name=None, **options):
        made.append(parts.Broker(tmp_path, *lines, name=name or f"upstream{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def make_gateway(tmp_path):
    made = []

    def make(configuration, name=None):
        made.append(parts.Gateway(tmp_path, configuration, name or f"gateway{len(made)}"))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def make_apps(tmp_path):
    made = []

    def make(*configuration, **more):
        made.append(parts.Apps(tmp_path, *configuration, **more))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def make_witness():
    made = []

    def make(broker, *topics, **options):
        made.append(parts.Witness(broker, *topics, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def upstream(make_broker):
    return make_broker().start()
