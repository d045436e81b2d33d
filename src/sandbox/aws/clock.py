"""Restores that resources take time: what takes minutes on AWS takes minutes / speed here.

An operation that takes time shows its pending state at once and books what happens at its end with `after`. Whatever
is due happens before the next request is looked at, so no thread ever touches moto's models, and the state that a
request sees depends only on the time that has passed since the operation began.
"""

import heapq
import itertools
import logging
import time


class Clock:
    def __init__(self):
        self.speed = 1.0
        self.durations = {}
        self._ahead = 0.0
        self._due = []
        self._order = itertools.count()

    def configure(self, speed, durations):
        """`durations`: seconds on AWS, by CloudFormation type and by phase (`create`, `update`, `delete`)."""
        self.speed = float(speed)
        self.durations = durations

    def typical(self, kind, phase):
        """How long this phase of this kind takes here, in seconds."""
        return self.scaled((self.durations.get(kind) or {}).get(phase) or 0)

    def scaled(self, seconds):
        """How long `seconds` on AWS take here."""
        return seconds / self.speed

    def advance(self, seconds):
        """Lets `seconds` on AWS pass at once: for tests, that need not wait then."""
        self._ahead += self.scaled(seconds)

    def after(self, seconds, event):
        heapq.heappush(self._due, (self._now() + seconds, next(self._order), event))

    def run_due(self):
        while self._due and self._due[0][0] <= self._now():
            event = heapq.heappop(self._due)[2]
            try:
                event()
            except Exception:  # it is no fault of the request that happens to come next
                logging.exception("an event of the clock failed")

    def reset(self):
        self._due.clear()

    def _now(self):
        return time.monotonic() + self._ahead


CLOCK = Clock()
