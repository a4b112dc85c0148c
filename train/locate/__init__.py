"""Training and measuring the network that finds people (``core.locate``)."""
