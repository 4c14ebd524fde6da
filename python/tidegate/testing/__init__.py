# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of automations: a day of one in a second.

    def test_the_lamp_goes_off_at_night(gateway):
        gateway.load("automations/lamp.py")
        gateway.button("door").press()
        assert gateway.output("lamp").is_on
        gateway.clock.advance_to("23:00")
        assert not gateway.output("lamp").is_on

In pytest the fixture is there by itself once the package is installed. Needs Mosquitto: apt-get install mosquitto.
"""
from .automation import Automation
from .clock import Clock
from .gateway import Gateway
from .lines import SimulatedCounter, SimulatedInput, SimulatedOutput, SimulatedRgbLed, SimulatedSensor

__all__ = ["Automation", "Clock", "Gateway", "SimulatedCounter", "SimulatedInput", "SimulatedOutput", "SimulatedRgbLed",
           "SimulatedSensor"]
