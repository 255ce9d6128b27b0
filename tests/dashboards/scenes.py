"""What the dashboards are looked at with. The tests use the fortnight; the others are for a person who changes a panel.

  fortnight  audit-log and tickets are clusters with a recoverable window, the others databases; audit-log fails three nights in a row and is stale at the end; tenants-a failed twice in a row and recovered, and
             later one of its backups was found corrupt and set aside; for a day every backup of tenants-b was corrupt;
             tickets makes increments every six hours on a weekly full one, of which two failed in a row, and its last drill
             failed; reports is NEW; app1's store fills up past 80 %; app2 did not answer for two hours, and its clock drifts
  healthy    two agents and three sources, and nothing ever went wrong
  single     one agent with one source, as the smallest installation has
  fleet      sixty sources of eight agents, some of them in trouble, two agents silent
"""
import collections

from agent import Agent
from source import DAILY, DAY, END, FULL, HOUR, INCREMENTAL, MIB, MONTHLY, START, WEEKLY, Source, days_before_end

Scene = collections.namedtuple("Scene", "agents sources")

APP1, APP2 = "app1:9440", "app2:9440"
NAMES = "billing catalogue customers datasets documents helpdesk identity inventory ledger mail media metrics orders payroll portal".split()


def fortnight():
    agents = [
        Agent(APP1, {"local": (0.66, 0.0105, 480e9)}, restarts=[days_before_end(1, 13)]),
        Agent(APP2, {"local": (0.31, 0, 480e9), "nas": (0.55, 0.004, 4e12)}, silent=range(days_before_end(6, 13), days_before_end(6, 15)),
              restarts=[days_before_end(6, 14.9)], clock=lambda now: 3 + 6 * (now - START) / DAY),
    ]
    return Scene(agents, [
        Source(APP1, "itsm", [DAILY, WEEKLY, MONTHLY], 545 * MIB, 4),
        Source(APP1, "audit-log", [DAILY, WEEKLY, MONTHLY], 1390 * MIB, 9, kind="postgres",
               failed=[days_before_end(2, 2), days_before_end(1, 2), days_before_end(0, 2), days_before_end(0, 3)]),
        Source(APP2, "tenants-a", [DAILY, WEEKLY], 96 * MIB, 1,
               failed=[days_before_end(9, 2), days_before_end(8, 2)], corrupted=(days_before_end(5, 2), days_before_end(3, 4.5))),
        Source(APP2, "tenants-b", [DAILY, WEEKLY], 210 * MIB, 2, lost=days_before_end(4, 4.5)),
        Source(APP1, "reports", [DAILY], 40 * MIB, 1, added=days_before_end(0, 5)),
        Source(APP2, "tickets", [FULL, INCREMENTAL], 830 * MIB, 12, drill=False, kind="postgres",
               failed=[days_before_end(3, 13), days_before_end(3, 19)]),
    ])


def healthy():
    return Scene([Agent(APP1, {"local": (0.35, 0.0008, 480e9)}), Agent(APP2, {"local": (0.22, 0.0001, 480e9)})], [
        Source(APP1, "itsm", [DAILY, WEEKLY, MONTHLY], 545 * MIB, 4),
        Source(APP1, "audit-log", [DAILY, WEEKLY, MONTHLY], 1390 * MIB, 9),
        Source(APP2, "tickets", [FULL, INCREMENTAL], 830 * MIB, 12, rpo=8),
    ])


def single():
    return Scene([Agent(APP1, {"local": (0.35, 0.0008, 480e9)})], [Source(APP1, "itsm", [DAILY, WEEKLY, MONTHLY], 12 * MIB, 0.02)])


def fleet():
    agents = [Agent(f"node{number}.example.org:9440", {"local": (0.3 + 0.06 * number, 0.004, 960e9)}, clock=lambda now, number=number: 40 * (number == 6),
                    silent=range(END - 5 * HOUR, END + 1) if number in (3, 7) else range(0)) for number in range(1, 9)]
    sources = []
    for number in range(60):
        failed = {7: [days_before_end(0, 2), days_before_end(0, 3)], 23: [days_before_end(1, 2), days_before_end(0, 2), days_before_end(0, 3)], 41: [days_before_end(4, 2)]}
        sources.append(Source(agents[number % 8].name, f"{NAMES[number % 15]}-{('eu', 'jp', 'us', 'test')[number // 15]}", [DAILY, WEEKLY],
                              (30 + 47 * (number % 17)) * MIB, 1 + number % 5, failed=failed.get(number, ())))
    return Scene(agents, sources)


SCENES = {scene.__name__: scene for scene in (fortnight, healthy, single, fleet)}
