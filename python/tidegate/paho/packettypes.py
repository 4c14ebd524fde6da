# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The packets of MQTT 5, by number."""


class PacketTypes:
    """Numbers as the specification has them; WILLMESSAGE stands for the will, which has properties of its own."""

    indexes = range(1, 16)
    CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, \
        PINGRESP, DISCONNECT, AUTH = indexes
    WILLMESSAGE = 99

    Names = ["reserved", "Connect", "Connack", "Publish", "Puback", "Pubrec", "Pubrel", "Pubcomp", "Subscribe", "Suback",
             "Unsubscribe", "Unsuback", "Pingreq", "Pingresp", "Disconnect", "Auth"]
