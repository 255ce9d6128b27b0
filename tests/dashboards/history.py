"""A fortnight of two agents and five sources, as OpenMetrics text: what a dashboard has to be able to show.

Ends on Sunday 2026-02-15 at 08:00 in Tokyo, so that the month's first and three Sundays are in it:
  audit-log   fails three nights in a row and is stale at the end
  tenants-a   failed twice in a row and recovered; later one of its backups was found corrupt and set aside
  tickets     increments every six hours on a weekly full one; two failed in a row, and its last drill failed
  app1        its store fills up past 80 %
  app2        did not answer for two hours
"""
from source import DAILY, DAY, END, FULL, HOUR, INCREMENTAL, MIB, MONTHLY, START, WEEKLY, Source, days_before_end

STEP = 600  # seconds between samples

SOURCES = [
    Source("app1:9440", "itsm", [DAILY, WEEKLY, MONTHLY], 545 * MIB, 4),
    Source("app1:9440", "audit-log", [DAILY, WEEKLY, MONTHLY], 1390 * MIB, 9,
           failed=[days_before_end(2, 2), days_before_end(1, 2), days_before_end(0, 2), days_before_end(0, 3)]),
    Source("app2:9440", "tenants-a", [DAILY, WEEKLY], 96 * MIB, 1,
           failed=[days_before_end(9, 2), days_before_end(8, 2)], corrupted=(days_before_end(5, 2), days_before_end(3, 4.5))),
    Source("app2:9440", "tenants-b", [DAILY, WEEKLY], 210 * MIB, 2),
    Source("app2:9440", "tickets", [FULL, INCREMENTAL], 830 * MIB, 12, rpo=8, drill=False,
           failed=[days_before_end(3, 13), days_before_end(3, 19)]),
]
AGENTS = ("app1:9440", "app2:9440")
OUTAGE = range(days_before_end(6, 13), days_before_end(6, 15))


def agent_at(agent, now):
    """All series of an agent itself and of its stores."""
    age = (now - START) / DAY
    wave = 0.006 * ((now // DAY) % 2)
    used = {"local": 0.66 + 0.0105 * age + wave} if agent == AGENTS[0] else {"local": 0.31 + wave / 3, "nas": 0.55 + 0.004 * age}
    for store, ratio in used.items():
        size = 480e9 if store == "local" else 4e12
        yield "disk_used_ratio", {"store": store}, ratio
        yield "disk_size_bytes", {"store": store}, size
        yield "disk_free_bytes", {"store": store}, size * (1 - ratio)
        yield "store_up", {"store": store}, 1
    yield "self_test_success", {}, 1
    yield "last_self_test_timestamp_seconds", {}, Source.newest_daily(now, 6)
    yield "time_seconds", {}, now
    yield "start_timestamp_seconds", {}, START - DAY
    yield "scheduler_heartbeat_timestamp_seconds", {}, now - now % 37
    yield "build_info", {"version": "0.1.0", "revision": "58be90a"}, 1


def samples():
    """Every series as {(name, labels): [(time, value)]}."""
    series = {}
    for now in range(START, END + 1, STEP):
        for agent in AGENTS:
            answers = not (agent == AGENTS[1] and now in OUTAGE)
            found = [("up", {}, int(answers))]
            if answers:
                found += [("nexus_backup_" + name, labels, value) for name, labels, value in agent_at(agent, now)]
                found += [("nexus_backup_" + name, {"source": source.name, **labels}, value)
                          for source in SOURCES if source.agent == agent for name, labels, value in source.at(now)]
            for name, labels, value in found:
                key = (name, tuple({"job": "nexus-backup", "instance": agent, **labels}.items()))
                series.setdefault(key, []).append((now, value))
    return series


def write_series(file, name, labels, points):
    text = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels) + "} "
    file.writelines(f"{text}{value:.10g} {int(time)}\n" for time, value in points)


def write(file):
    for (name, labels), points in sorted(samples().items()):
        write_series(file, name, labels, points)
