"""One agent of the history: what it says of itself and of its stores at an instant."""
from source import DAY, START, Source


class Agent:
    def __init__(self, name, stores, silent=range(0), restarts=(), clock=lambda now: 0.2):
        """`stores` by name: used share at the start, its growth in a day, size in bytes. `clock`: seconds that the agent's is ahead."""
        self.name, self.stores, self.silent, self.clock = name, stores, silent, clock
        self.starts = (START - 9 * DAY, *restarts)

    def answers(self, now):
        return now not in self.silent

    def at(self, now):
        """All series of the agent itself and of its stores."""
        wave = 0.002 * ((now // DAY) % 2)
        for store, (used, growth, size) in self.stores.items():
            ratio = used + growth * (now - START) / DAY + wave
            yield "disk_used_ratio", {"store": store}, ratio
            yield "disk_size_bytes", {"store": store}, size
            yield "disk_free_bytes", {"store": store}, size * (1 - ratio)
            yield "store_up", {"store": store}, 1
        here = now + self.clock(now)
        yield "self_test_success", {}, 1
        yield "last_self_test_timestamp_seconds", {}, Source.newest_daily(now, 6)
        yield "time_seconds", {}, here
        yield "scheduler_heartbeat_timestamp_seconds", {}, here - now % 37
        yield "start_timestamp_seconds", {}, self.started(now)
        yield "build_info", {"version": "0.1.0", "revision": "58be90a"}, 1

    def started(self, now):
        return max(start for start in self.starts if start <= now)

    def process_at(self, now):
        """All series of its process."""
        yield "cpu_seconds_total", {}, 0.0021 * (now - self.started(now))
        yield "resident_memory_bytes", {}, 78e6
        yield "open_fds", {}, 140
        yield "start_time_seconds", {}, self.started(now)
