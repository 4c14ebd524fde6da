# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""For scripts that were written for paho-mqtt, 1.x or 2.x: they change one import line.

    import tidegate.paho.client as mqtt       # was: import paho.mqtt.client as mqtt

client, publish, subscribe, properties, packettypes, reasoncodes, subscribeoptions and enums stand where paho.mqtt has
them. The connection is tidegate.Session's. docs/migrating-from-paho.md says what is different.
"""


class MQTTException(Exception):
    """What paho.mqtt raises where MQTT 5's properties are used wrongly, and where a server refuses a helper."""
