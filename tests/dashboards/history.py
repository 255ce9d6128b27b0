"""A fortnight of agents and their sources, as OpenMetrics text: what a dashboard has to be able to show.

Ends on Sunday 2026-02-15 at 08:00 in Tokyo, so that the month's first and three Sundays are in it.
"""
import math

from source import END, START

STEP = 600  # seconds between samples


def samples(scene):
    """Every series as {(name, labels): [(time, value)]}."""
    series = {}
    for now in range(START, END + 1, STEP):
        for agent in scene.agents:
            answers = agent.answers(now)
            found = [("up", {}, int(answers))]
            if answers:
                found += [("nexus_backup_" + name, labels, value) for name, labels, value in agent.at(now)]
                found += [("process_" + name, labels, value) for name, labels, value in agent.process_at(now)]
                found += [("nexus_backup_" + name, {"source": source.name, **labels}, value)
                          for source in scene.sources if source.agent == agent.name for name, labels, value in source.at(now)]
            for name, labels, value in found:
                key = (name, tuple({"job": "nexus-backup", "instance": agent.name, **labels}.items()))
                series.setdefault(key, []).append((now, value))
    return series


def write_series(file, name, labels, points):
    text = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels) + "} "
    file.writelines(f"{text}{number(value)} {int(time)}\n" for time, value in points)


def number(value):
    return "+Inf" if value == math.inf else f"{value:.10g}"


def write(file, scene):
    for (name, labels), points in sorted(samples(scene).items()):
        write_series(file, name, labels, points)
