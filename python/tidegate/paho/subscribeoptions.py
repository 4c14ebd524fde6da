# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What MQTT 5 lets a subscription ask for."""
from . import MQTTException


class SubscribeOptions:
    RETAIN_SEND_ON_SUBSCRIBE, RETAIN_SEND_IF_NEW_SUB, RETAIN_DO_NOT_SEND = range(3)

    def __init__(self, qos=0, noLocal=False, retainAsPublished=False, retainHandling=RETAIN_SEND_ON_SUBSCRIBE):
        self.QoS = qos
        self.noLocal = noLocal
        self.retainAsPublished = retainAsPublished
        self.retainHandling = retainHandling
        if qos not in (0, 1, 2):
            raise AssertionError(f"QoS should be 0, 1 or 2, not {qos}")
        if retainHandling not in (0, 1, 2):
            raise AssertionError(f"Retain handling should be 0, 1 or 2, not {retainHandling}")

    def __setattr__(self, name, value):
        if name not in ("QoS", "noLocal", "retainAsPublished", "retainHandling"):
            raise MQTTException(f"{name} is no option of a subscription: use QoS, noLocal, retainAsPublished or retainHandling")
        super().__setattr__(name, value)

    def json(self):
        return {"QoS": self.QoS, "noLocal": self.noLocal, "retainAsPublished": self.retainAsPublished,
                "retainHandling": self.retainHandling}

    def __repr__(self):
        return str(self.json())
