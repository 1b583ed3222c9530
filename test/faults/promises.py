"""Promises that tests of several folders try to break: rows of the scoreboard."""

NO_LEAK = "no output shows a part of a secret, however it was mistyped"
NAMED_SETTING = "a mistake in the configuration is named, and none is swallowed"
NAMED_INPUT = "hostile input is named with its place, and harms nothing else"
NO_BAD_NUMBER = "a number that is extreme or not finite is not registered, not served, and named"
SERVICE = "the service answers or refuses any request, and nobody waits for a stalled client"
