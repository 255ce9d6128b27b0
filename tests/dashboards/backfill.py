#!/usr/bin/env python3
"""Fills a Prometheus database with a fortnight of history, its recorded series and the alerts that would have fired.

usage: backfill.py DIRECTORY [SCENE]     writes DIRECTORY/data, prints the last second of the history
  SCENE  fortnight (the default: it contains failures), healthy, single or fleet, as scenes.py tells

Prometheus evaluates the shipped rules over the history, and promtool stores what they gave. A rule cannot read what is
not stored yet, so records go in the order in which they build on each other, and one that remembers itself while an
agent does not answer reads its live series further back instead. (promtool's own backfilling of rules writes a block for
every rule and two hours, which takes minutes.)
"""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import yaml

import history
from scenes import SCENES

RULES = pathlib.Path(__file__).parents[2] / "alerts" / "nexus-backup.rules.yml"
LOOKBACK = ["--query.lookback-delta=15m", "--storage.tsdb.retention.time=10y"]


def store(directory, write):
    """Turns the OpenMetrics text that `write` puts into a file into blocks of the database."""
    with tempfile.NamedTemporaryFile("w", dir=directory, suffix=".om") as file:
        write(file)
        file.write("# EOF\n")
        file.flush()
        done = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=480h", file.name, str(directory / "data")],
                              capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"promtool could not store the history:\n{done.stdout}{done.stderr}")


def seconds(duration):
    return sum(int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for number, unit in re.findall(r"(\d+)([smhd])", str(duration)))


def recorded(rule):
    """A recording rule that promtool can evaluate over the past."""
    name, expression = rule["record"], rule["expr"]
    remembering = re.match(rf"(?s)\s*(?P<live>.*?)\s+or\s+\(last_over_time\({re.escape(name)}\[6h\]\)(?P<rest>.*)", expression)
    if remembering:
        live = remembering["live"]
        expression = f"{live} or (last_over_time(({live})[3d:10m]){remembering['rest']}"
    # It counts the evaluations of twenty minutes, which are one a minute.
    expression = expression.replace("count_over_time(nexus_backup:evaluated[20m]) > 3", "vector(1)")
    return {**rule, "expr": expression}


def alert_as_record(rule):
    """ALERTS, firing, where the expression has held for the rule's time."""
    expression = f"({recorded({**rule, 'record': rule['alert']})['expr']})"
    held = seconds(rule.get("for", "0s")) // history.STEP
    if held > 1:
        expression = f"count_over_time({expression}[{held * history.STEP}s:{history.STEP}s]) >= {held}"
    return {"record": "ALERTS", "expr": f"clamp({expression}, 1, 1)",
            "labels": {"alertname": rule["alert"], "alertstate": "firing", **rule["labels"]}}


def passes(rules):
    """Lists of rules, each list building only on those before it."""
    waiting = [recorded(rule) for rule in rules if "record" in rule and "ALERTS" not in rule["expr"]]
    while waiting:
        names = {rule["record"] for rule in waiting}
        ready = [rule for rule in waiting if not names & set(re.findall(r"nexus_backup:[\w:]+", rule["expr"])) - {rule["record"]}]
        if not ready:
            sys.exit(f"records that wait for each other: {names}")
        yield ready
        waiting = [rule for rule in waiting if rule not in ready]
    yield [alert_as_record(rule) for rule in rules if "alert" in rule]
    yield [rule for rule in rules if "record" in rule and "ALERTS" in rule["expr"]]


class Prometheus:
    """Serves the database on a free loopback port while promtool asks it."""

    def __init__(self, directory):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        configuration = directory / "empty.yml"
        configuration.write_text("{}\n")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={directory / 'data'}",
             f"--web.listen-address={self.url[7:]}", *LOOKBACK], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready"):
                    return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        sys.exit("prometheus did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def write_past(prometheus, rules, file):
    """What each rule would have given at each step."""
    for rule in rules:
        query = urllib.parse.urlencode({"query": rule["expr"], "start": history.START, "end": history.END, "step": history.STEP})
        with urllib.request.urlopen(f"{prometheus.url}/api/v1/query_range", query.encode()) as answer:
            found = json.load(answer)["data"]["result"]
        for series in found:
            labels = {**series["metric"], **rule.get("labels", {})}
            labels.pop("__name__", None)
            history.write_series(file, rule["record"], labels.items(), ((at, float(value)) for at, value in series["values"]))


def main():
    directory = pathlib.Path(sys.argv[1])
    scene = SCENES[sys.argv[2] if len(sys.argv) > 2 else "fortnight"]()
    store(directory, lambda file: history.write(file, scene))
    groups = yaml.safe_load(RULES.read_text())["groups"]
    for rules in passes([rule for group in groups for rule in group["rules"]]):
        with Prometheus(directory) as prometheus:
            store(directory, lambda file, rules=rules, prometheus=prometheus: write_past(prometheus, rules, file))
    print(history.END)


if __name__ == "__main__":
    main()
