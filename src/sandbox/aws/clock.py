"""Restores that resources take time: what takes minutes on AWS takes minutes / speed here.

An operation that takes time shows its pending state at once and books what happens at its end with `after`. Whatever
is due happens before the next request is looked at, so no thread ever touches moto's models, and the state that a
request sees depends only on the time that has passed since the operation began.
"""

import heapq
import itertools
import time


class Clock:
    def __init__(self):
        self.speed = 1.0
        self.durations = {}
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

    def after(self, seconds, event):
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), event))

    def run_due(self):
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()

    def reset(self):
        self._due.clear()


CLOCK = Clock()
